namespace DistTrain.Tensors;

/// <summary>
/// A block of float32 memory that starts on a 64-byte border (a cache line, an AVX-512 vector) and never moves: what parameters,
/// gradients and optimizer state live in, and what tensor channels send from and receive into.
/// </summary>
public sealed class FloatBuffer
{
    /// <summary>Floats per 64-byte line: every layout offset is a multiple of it.</summary>
    public const int Alignment = 16;

    // A page: what is smaller is copied sooner than shown.
    private const int LeastToShare = 1024;

    private Storage? storage;

    /// <summary>Takes a zeroed block.</summary>
    /// <param name="length">The number of floats, 0 or more.</param>
    public FloatBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        (Array, Start) = AlignedArray.Allocate(length, zeroed: true);
        Length = length;
    }

    private FloatBuffer(float[] array, int start, int length, MemoryFile file) => (Array, Start, Length, File) = (array, start, length, file);

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

    /// <summary>The file that the block stands in, where other processes can read it; null for memory of this process alone.</summary>
    internal MemoryFile? File { get; }

    /// <summary>The block as tensors see it.</summary>
    internal Storage Storage => storage ??= Storage.Over(this);

    /// <summary>
    /// Takes a zeroed block to send tensors from: where the system can, in memory that other processes of this host can be given to read (<see cref="MemoryFile"/>), so that nothing is copied on the way to them.
    /// </summary>
    /// <param name="length">The number of floats, 0 or more.</param>
    public static FloatBuffer ToSendFrom(int length) =>
        length >= LeastToShare && MemoryFile.TryCreate(length, out float[] array, out int start) is { } file ? new FloatBuffer(array, start, length, file) : new FloatBuffer(length);

    /// <summary>A block of another process, to be read only; null where this process cannot reach it, or where it is not what was named.</summary>
    /// <param name="process">The process.</param>
    /// <param name="descriptor">The file, to that process.</param>
    /// <param name="id">What proves that it is the one.</param>
    /// <param name="length">The number of floats in it.</param>
    internal static FloatBuffer? TryOpen(int process, int descriptor, Guid id, int length) =>
        MemoryFile.TryOpen(process, descriptor, id, length, out float[] array, out int start) is { } file ? new FloatBuffer(array, start, length, file) : null;

    /// <summary>A part of the block.</summary>
    public Span<float> Slice(int offset, int length) => Span.Slice(offset, length);

    /// <summary>Rounds a count of floats up to whole 64-byte lines.</summary>
    public static int AlignUp(int length) => checked(length + Alignment - 1) & ~(Alignment - 1);
}
