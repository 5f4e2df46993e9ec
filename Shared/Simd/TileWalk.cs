using System.Runtime.CompilerServices;

namespace DistTrain.Simd;

/// <summary>How a tile finds its operands.</summary>
internal unsafe interface IWalk
{
    /// <summary>The scalar side's steps are read from <see cref="TileTask.StepOffsets"/>.</summary>
    static abstract bool ByTable { get; }

    /// <summary>The vector side's steps are read from <see cref="TileTask.VectorOffsets"/>.</summary>
    static abstract bool VectorsByTable { get; }

    /// <summary>The first element of a row of the scalar side; that of an existing row where the tile has fewer.</summary>
    static abstract float* Row<TRows>(ref TileTask task, int row)
        where TRows : struct, ICount;

    /// <summary>Where a row of the result begins.</summary>
    static abstract float* Result(ref TileTask task, int row);
}

/// <summary>Matrices: equal distances.</summary>
internal readonly unsafe struct StrideWalk : IWalk
{
    public static bool ByTable => false;

    public static bool VectorsByTable => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Row<TRows>(ref TileTask task, int row)
        where TRows : struct, ICount => task.Scalars + (row < TRows.Value ? row * task.RowStride : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Result(ref TileTask task, int row) => task.Result + (row * task.ResultStride);
}

/// <summary>Windows of an image: the scalar side's rows and steps by table.</summary>
internal readonly unsafe struct WindowWalk : IWalk
{
    public static bool ByTable => true;

    public static bool VectorsByTable => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Row<TRows>(ref TileTask task, int row)
        where TRows : struct, ICount => task.Scalars + (row < TRows.Value ? task.RowOffsets[row] : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Result(ref TileTask task, int row) => task.Result + (row * task.ResultStride);
}

/// <summary>Windows that see a part of the kernel: the weights' steps and the results' rows by table too.</summary>
internal readonly unsafe struct PartialWindowWalk : IWalk
{
    public static bool ByTable => true;

    public static bool VectorsByTable => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Row<TRows>(ref TileTask task, int row)
        where TRows : struct, ICount => task.Scalars + (row < TRows.Value ? task.RowOffsets[row] : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Result(ref TileTask task, int row) => task.Result + task.ResultOffsets[row];
}
