namespace DistTrain.Data;

/// <summary>
/// Where a data set writes samples' inputs or targets, one after the other: a span of floats or of 64-bit integers, as the data set's <see cref="SampleSpec"/> says.
/// Both kinds of span convert to it.
/// </summary>
public readonly ref struct SampleSpan
{
    private readonly Span<float> floats;
    private readonly Span<long> integers;

    /// <summary>Writes float32 elements.</summary>
    public SampleSpan(Span<float> floats)
    {
        this.floats = floats;
        Type = ElementType.Float32;
    }

    /// <summary>Writes int64 elements.</summary>
    public SampleSpan(Span<long> integers)
    {
        this.integers = integers;
        Type = ElementType.Int64;
    }

    /// <summary>Which of the two spans there is.</summary>
    public ElementType Type { get; }

    /// <summary>The number of elements.</summary>
    public int Length => Type == ElementType.Float32 ? floats.Length : integers.Length;

    /// <summary>The floats.</summary>
    /// <exception cref="InvalidOperationException">The elements are int64.</exception>
    public Span<float> Float32 => Type == ElementType.Float32 ? floats : throw new InvalidOperationException("The sample's elements are int64, not float32");

    /// <summary>The integers.</summary>
    /// <exception cref="InvalidOperationException">The elements are float32.</exception>
    public Span<long> Int64 => Type == ElementType.Int64 ? integers : throw new InvalidOperationException("The sample's elements are float32, not int64");

    /// <summary>A part of it.</summary>
    public SampleSpan Slice(int start, int length) =>
        Type == ElementType.Float32 ? new(floats.Slice(start, length)) : new(integers.Slice(start, length));

    /// <summary>Floats as a place to write.</summary>
    public static implicit operator SampleSpan(Span<float> floats) => new(floats);

    /// <summary>Integers as a place to write.</summary>
    public static implicit operator SampleSpan(Span<long> integers) => new(integers);

    /// <summary>Floats as a place to write.</summary>
    public static implicit operator SampleSpan(float[] floats) => new(floats.AsSpan());

    /// <summary>Integers as a place to write.</summary>
    public static implicit operator SampleSpan(long[] integers) => new(integers.AsSpan());
}
