using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>State of a module that is saved with it but not trained by gradients, such as BatchNorm's running statistics.</summary>
public sealed class ModuleBuffer
{
    private readonly Tensor value;
    private readonly int length;
    private FloatBuffer? observations;
    private int offset;
    private long context = -1;
    private int calls;

    /// <summary>Makes a buffer that starts with a copy of the given values.</summary>
    /// <param name="initial">The values it starts with.</param>
    /// <param name="update">How it moves on from what <see cref="Observe"/> is told; null for a buffer that training does not change.</param>
    public ModuleBuffer(Tensor initial, BufferUpdate? update = null)
    {
        value = TensorMemory.EmptyPersistent(initial.Shape);
        initial.CopyTo(value.Span);
        length = value.Numel;
        Update = update;
    }

    /// <summary>The buffer as a tensor.</summary>
    public Tensor Value => value;

    /// <summary>Its shape.</summary>
    public Shape Shape => value.Shape;

    /// <summary>Its elements, in place.</summary>
    public Span<float> Span => value.Span;

    /// <summary>How it moves on from what a step observed; null for a buffer that training does not change.</summary>
    public BufferUpdate? Update { get; }

    /// <summary>Whether something was observed since the running piece of a job began.</summary>
    internal bool WasObserved => context == RandomSource.Context;

    /// <summary>The buffer as a tensor.</summary>
    public static implicit operator Tensor(ModuleBuffer buffer) => buffer.value;

    /// <summary>
    /// Tells the buffer what a forward in training mode saw. In a hand-written loop it moves on at once. In a job the buffer does not change: the observation is left for the
    /// end of the step, where those of all pieces are averaged; several in one piece leave their mean.
    /// </summary>
    /// <param name="observed">As many values as the buffer has.</param>
    /// <param name="step">The number of this update, from 1: of meaning to plain averages only.</param>
    /// <exception cref="InvalidOperationException">The buffer was made without an update.</exception>
    public void Observe(ReadOnlySpan<float> observed, long step = 1)
    {
        if (Update == null) throw new InvalidOperationException($"Observe: the buffer of shape {Shape} was made without an update rule");
        if (observed.Length != length) throw new ArgumentException($"Observe: {observed.Length} values, the buffer of shape {Shape} has {value.Numel}");
        if (observations == null)
        {
            Update.Apply(step, Span, observed, Span);
            return;
        }
        if (context != RandomSource.Context) (context, calls) = (RandomSource.Context, 0);
        var target = observations.Slice(offset, observed.Length);
        calls++;
        for (int i = 0; i < observed.Length; i++) target[i] = calls == 1 ? observed[i] : target[i] + (observed[i] - target[i]) / calls;
    }

    /// <summary>Makes the buffer a window on a flat buffer; nothing is copied. With <paramref name="observations"/>, what it is told goes there and its values stay.</summary>
    internal void Bind(FloatBuffer data, FloatBuffer? observations, int offset)
    {
        var node = value.Node;
        node.Storage = data.Storage;
        node.Offset = data.Start + offset;
        this.observations = observations;
        this.offset = offset;
    }
}
