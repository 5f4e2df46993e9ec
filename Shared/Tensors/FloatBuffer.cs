namespace DistTrain.Tensors;

/// <summary>
/// A block of float32 memory that starts on a 64-byte border (a cache line, an AVX-512 vector) and never moves: what parameters,
/// gradients and optimizer state live in, and what tensor channels send from and receive into.
/// </summary>
public sealed class FloatBuffer
{
    /// <summary>Floats per 64-byte line: every layout offset is a multiple of it.</summary>
    public const int Alignment = 16;

    private Storage? storage;

    /// <summary>Takes a zeroed block.</summary>
    /// <param name="length">The number of floats, 0 or more.</param>
    public FloatBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        (Array, Start) = AlignedArray.Allocate(length, zeroed: true);
        Length = length;
    }

    /// <summary>The array that holds the block; it is pinned.</summary>
    public float[] Array { get; }

    /// <summary>The index in <see cref="Array"/> of the block's first float.</summary>
    public int Start { get; }

    /// <summary>The number of floats.</summary>
    public int Length { get; }

    /// <summary>The block.</summary>
    public Span<float> Span => Array.AsSpan(Start, Length);

    /// <summary>The block.</summary>
    public Memory<float> Memory => Array.AsMemory(Start, Length);

    /// <summary>The block as tensors see it.</summary>
    internal Storage Storage => storage ??= Storage.Over(this);

    /// <summary>A part of the block.</summary>
    public Span<float> Slice(int offset, int length) => Span.Slice(offset, length);

    /// <summary>Rounds a count of floats up to whole 64-byte lines.</summary>
    public static int AlignUp(int length) => checked(length + Alignment - 1) & ~(Alignment - 1);
}
