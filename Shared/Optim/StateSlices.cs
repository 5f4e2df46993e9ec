using DistTrain.Tensors;

namespace DistTrain.Optim;

/// <summary>The state buffers of an <see cref="UpdateRule"/>, cut to the slice that is being updated.</summary>
public readonly ref struct StateSlices
{
    private readonly ReadOnlySpan<FloatBuffer> buffers;
    private readonly ReadOnlySpan<int> numbers;
    private readonly int offset;
    private readonly int length;

    /// <summary>Cuts buffers that cover the whole layout.</summary>
    /// <param name="buffers">The whole buffers, one per state name.</param>
    /// <param name="offset">Where the slice starts, in the buffers and in the layout.</param>
    /// <param name="length">The slice's length.</param>
    public StateSlices(ReadOnlySpan<FloatBuffer> buffers, int offset, int length) : this(buffers, offset, length, offset)
    {
    }

    /// <summary>Cuts buffers that cover a part of the layout: a parameter server's range.</summary>
    /// <param name="buffers">The buffers, one per state name.</param>
    /// <param name="offset">Where the slice starts in the buffers.</param>
    /// <param name="length">The slice's length.</param>
    /// <param name="position">Where the slice starts in the layout.</param>
    public StateSlices(ReadOnlySpan<FloatBuffer> buffers, int offset, int length, int position) : this(buffers, default, offset, length, position)
    {
    }

    private StateSlices(ReadOnlySpan<FloatBuffer> buffers, ReadOnlySpan<int> numbers, int offset, int length, int position)
    {
        this.buffers = buffers;
        this.numbers = numbers;
        this.offset = offset;
        this.length = length;
        Position = position;
    }

    /// <summary>Where the slice's first float stands in the layout.</summary>
    public int Position { get; }

    /// <summary>The slice of state buffer <paramref name="index"/>.</summary>
    public Span<float> this[int index] => buffers[numbers.IsEmpty ? index : numbers[index]].Slice(offset, length);

    /// <summary>A part of the slice.</summary>
    internal StateSlices Cut(int start, int count) => new(buffers, numbers, offset + start, count, Position + start);

    /// <summary>A part of the slice, for a rule that knows state buffer i as number <paramref name="numbers"/>[i] (none: as i).</summary>
    internal StateSlices Cut(int start, int count, ReadOnlySpan<int> numbers) => new(buffers, numbers, offset + start, count, Position + start);
}
