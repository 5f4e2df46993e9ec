namespace DistTrain.Tensors;

/// <summary>
/// The memory behind one or more tensors. Counts the writes made to it after tensors were saved for a backward, so that the backward can tell that a
/// value it needs has changed.
/// </summary>
internal sealed class Storage
{
    /// <summary>Arrays from here on are pinned and start on a 64-byte border; below, the cost of pinning is not worth it.</summary>
    private const int AlignedFrom = 256;

    private Storage(DType type, int length, bool aligned)
    {
        Type = type;
        Capacity = length;
        switch (type)
        {
            case DType.Float32 when aligned:
                (Floats, Start) = AlignedArray.Allocate(length, zeroed: false);
                break;
            case DType.Float32: Floats = new float[length]; break;
            case DType.Int64: Longs = new long[length]; break;
            default: Bools = new bool[length]; break;
        }
    }

    private Storage(Array array, int start, int length)
    {
        Type = array switch { float[] => DType.Float32, long[] => DType.Int64, bool[] => DType.Bool, _ => throw new ArgumentException($"a tensor cannot hold {array.GetType().Name}") };
        Floats = array as float[] ?? [];
        Longs = array as long[] ?? [];
        Bools = array as bool[] ?? [];
        Start = start;
        Capacity = length;
    }

    public DType Type { get; }

    /// <summary>The index of the first element in the array.</summary>
    public int Start { get; }

    public int Capacity { get; }

    public float[] Floats { get; } = [];

    public long[] Longs { get; } = [];

    public bool[] Bools { get; } = [];

    /// <summary>Incremented by every in-place write.</summary>
    public int Version { get; set; }

    /// <summary>Whether an arena has lent it out in the running step.</summary>
    public bool Lent { get; set; }

    /// <summary>Memory of its own, collected by the garbage collector; contents are undefined for large ones.</summary>
    public static Storage Allocate(DType type, int length) => new(type, length, length >= AlignedFrom);

    /// <summary>Memory for an arena: aligned whatever its size.</summary>
    public static Storage AllocateAligned(DType type, int length) => new(type, length, aligned: true);

    /// <summary>A window on an existing buffer; nothing is copied.</summary>
    public static Storage Over(FloatBuffer buffer) => new(buffer.Array, buffer.Start, buffer.Length);

    /// <summary>A window on an existing array; nothing is copied.</summary>
    public static Storage Over(Array array) => new(array, 0, array.Length);
}
