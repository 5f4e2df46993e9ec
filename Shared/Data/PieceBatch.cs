namespace DistTrain.Data;

/// <summary>Samples that a <see cref="DataLoader"/> has read, in buffers that it will reuse.</summary>
public sealed class PieceBatch
{
    private readonly int[] indices;

    internal PieceBatch(IDataset dataset, int capacity)
    {
        indices = new int[capacity];
        InputBuffer = new(dataset.Inputs, capacity);
        TargetBuffer = new(dataset.Targets, capacity);
    }

    /// <summary>The positions of the epoch's order that these are.</summary>
    public SampleRange Range { get; internal set; }

    /// <summary>The number of samples; 0 for an empty piece.</summary>
    public int Count => Range.Count;

    /// <summary>The samples' indices in the data set.</summary>
    public ReadOnlySpan<int> Indices => indices.AsSpan(0, Count);

    /// <summary>The inputs' buffer: <see cref="Count"/> samples of it are filled.</summary>
    public SampleBuffer InputBuffer { get; }

    /// <summary>The targets' buffer: <see cref="Count"/> samples of it are filled.</summary>
    public SampleBuffer TargetBuffer { get; }

    /// <summary>Float inputs, <c>[Count, ...]</c>.</summary>
    /// <exception cref="InvalidOperationException">The inputs are int64.</exception>
    public Memory<float> FloatInputs => InputBuffer.Float32(Count);

    /// <summary>Integer inputs (token ids), <c>[Count, ...]</c>.</summary>
    /// <exception cref="InvalidOperationException">The inputs are float32.</exception>
    public Memory<long> IntegerInputs => InputBuffer.Int64(Count);

    /// <summary>Float targets, <c>[Count, ...]</c>.</summary>
    /// <exception cref="InvalidOperationException">The targets are int64.</exception>
    public Memory<float> FloatTargets => TargetBuffer.Float32(Count);

    /// <summary>Integer targets (labels, token ids), <c>[Count, ...]</c>.</summary>
    /// <exception cref="InvalidOperationException">The targets are float32.</exception>
    public Memory<long> Labels => TargetBuffer.Int64(Count);

    internal void Fill(IDataset dataset, Sampler sampler, ulong seed)
    {
        sampler.Read(Range, indices);
        var context = Range.Epoch < 0 ? ReadContext.Evaluation : new(seed, Range.Epoch);
        dataset.Read(context, Indices, InputBuffer.Span(Count), TargetBuffer.Span(Count));
    }
}
