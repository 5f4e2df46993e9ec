namespace DistTrain.Tensors;

/// <summary>
/// What a <see cref="Tensor"/> handle points to: shape, memory, and place in the graph. Nodes made inside a step belong to its arena and are used again in the next step;
/// <see cref="Generation"/> then no longer matches the old handles, which is how use of an ended step's tensor is noticed.
/// </summary>
internal sealed class TensorNode
{
    public Shape Shape;
    public Shape Strides;
    public Storage Storage = null!;

    /// <summary>Index of the first element, counted from the start of the storage's array.</summary>
    public int Offset;

    public int Generation;
    public bool RequiresGrad;
    public bool Contiguous;

    /// <summary>The arena it belongs to; null when the garbage collector owns it.</summary>
    public StepArena? Arena;

    /// <summary>The operation that made it; null for leaves.</summary>
    public GradNode? GradFn;

    /// <summary>The storage's version that <see cref="GradFn"/> describes: another one means that the memory was written to through another tensor.</summary>
    public int HistoryVersion;

    /// <summary>Whether it was made to show the memory of another tensor.</summary>
    public bool IsView;

    /// <summary>The gradient's tensor: kept for reuse also while there is no gradient.</summary>
    public TensorNode? Grad;
    public bool HasGrad;

    /// <summary>Whether user code has got hold of the gradient's memory, so that it must not be reused for the next one.</summary>
    public bool GradHandedOut;

    /// <summary>Whether the gradient lives in a flat buffer that was assigned to it.</summary>
    public bool GradAssigned;

    /// <summary>Called with the gradient when it is complete; may replace it.</summary>
    public List<Func<Tensor, Tensor>>? Hooks;

    /// <summary>The gradient of the running backward, before hooks have seen it; used by leaves with hooks only.</summary>
    public TensorNode? Flow;

    /// <summary>Engine bookkeeping: contributions still to come in the running backward.</summary>
    public int Pending;
    public long Mark;

    /// <summary>Position among the parameters of a replica; -1 for none. Told to the gradient listener.</summary>
    public int ParameterIndex = -1;

    /// <summary>What the next use of a handle waits for; null where the floats are here.</summary>
    public IArrival? Arrival { get; private set; }

    /// <summary>The floats are still on their way. Until they are here the generation is turned over: no handle gets past that unnoticed, and checking costs nothing else.</summary>
    public void Expect(IArrival arrival)
    {
        if (Arrival is null) Generation = ~Generation;
        Arrival = arrival;
    }

    /// <summary>The floats are here.</summary>
    public void Arrived()
    {
        if (Arrival is null) return;
        Arrival = null;
        Generation = ~Generation;
    }

    public void Reset()
    {
        Storage = null!;
        RequiresGrad = false;
        GradFn = null;
        IsView = false;
        Grad = null;
        HasGrad = false;
        GradHandedOut = false;
        GradAssigned = false;
        Hooks = null;
        Flow = null;
        ParameterIndex = -1;
    }
}
