namespace DistTrain.Optim;

/// <summary>
/// An optimizer's arithmetic: one update rule over slices of the flat buffer. Every element's new value depends on that element's parameter, gradient and state alone, so any cut of
/// the buffer gives the bits of the whole: the same rule steps a whole model, a server's range, or one bucket.
/// </summary>
public abstract class UpdateRule
{
    /// <summary>The name of PyTorch's class: SGD, Adam, AdamW, ...</summary>
    public abstract string Name { get; }

    /// <summary>Names of the state buffers the rule keeps per element, such as <c>momentum_buffer</c>; each has the parameters' length and starts at zero unless <see cref="InitialState"/> says otherwise.</summary>
    public abstract IReadOnlyList<string> StateNames { get; }

    /// <summary>The value that state buffer <paramref name="index"/> starts with.</summary>
    public virtual float InitialState(int index) => 0f;

    /// <summary>
    /// Applies step <paramref name="step"/> to one slice. All spans have the same length; <paramref name="destination"/> may be <paramref name="parameters"/> itself or another buffer.
    /// </summary>
    /// <param name="step">The step being applied, from 1 (as PyTorch's <c>step</c> state after increment).</param>
    /// <param name="learningRate">The rate of this step, 0 or more.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="state">The rule's state buffers end to end accessor.</param>
    /// <param name="destination">Receives the weights after the step.</param>
    public abstract void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination);
}

/// <summary>The state buffers of an <see cref="UpdateRule"/>, cut to the slice that is being updated.</summary>
/// <param name="buffers">The whole buffers, one per state name.</param>
/// <param name="offset">Where the slice starts.</param>
/// <param name="length">The slice's length.</param>
public readonly ref struct StateSlices(ReadOnlySpan<Tensors.FloatBuffer> buffers, int offset, int length)
{
    private readonly ReadOnlySpan<Tensors.FloatBuffer> buffers = buffers;

    /// <summary>The slice of state buffer <paramref name="index"/>.</summary>
    public Span<float> this[int index] => buffers[index].Slice(offset, length);
}
