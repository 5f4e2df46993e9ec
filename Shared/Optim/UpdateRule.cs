namespace DistTrain.Optim;

/// <summary>
/// An optimizer's arithmetic: one update rule over slices of the flat buffer. Every element's new value depends on that element's parameter, gradient and state alone, so any cut of
/// the buffer gives the bits of the whole: the same rule steps a whole model, a server's range, or one bucket.
/// </summary>
public abstract class UpdateRule
{
    /// <summary>The name of PyTorch's class: SGD, Adam, AdamW, ...</summary>
    public abstract string Name { get; }

    /// <summary>Names of the state buffers the rule keeps per element, such as <c>momentum_buffer</c>; each has the parameters' length and is zero before step 1.</summary>
    public abstract IReadOnlyList<string> StateNames { get; }

    /// <summary>The options it was made from; null for a rule that is made of several.</summary>
    public virtual OptimizerOptions? Options => null;

    /// <summary>
    /// Applies step <paramref name="step"/> to one slice. All spans have the same length; <paramref name="destination"/> may be <paramref name="parameters"/> itself or another buffer.
    /// </summary>
    /// <param name="step">The step being applied, from 1 (as PyTorch's <c>step</c> state after increment).</param>
    /// <param name="learningRate">The rate of this step, 0 or more.</param>
    /// <param name="gradientScale">A factor on every gradient element (clipping); 1 for none.</param>
    /// <param name="parameters">The weights before the step.</param>
    /// <param name="gradients">The gradient.</param>
    /// <param name="state">The rule's state buffers, cut to the slice; they also say where in the flat buffer the slice stands.</param>
    /// <param name="destination">Receives the weights after the step.</param>
    public abstract void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination);

    /// <summary>The same rule without weight decay: what biases and normalisation weights commonly get.</summary>
    public UpdateRule WithoutWeightDecay() => Options is { WeightDecay: not 0 } options ? (options with { WeightDecay = 0 }).CreateRule() : this;
}
