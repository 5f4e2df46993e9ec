using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// What one tile computes: <c>c[row][lane] (+)= Σ scalars[row][step] · vectors[step][lane]</c> for up to 6 rows and up to 4 vectors of lanes.
/// The vector side is read a whole vector at a time, the scalar side one float at a time, broadcast.
/// </summary>
internal unsafe ref struct TileTask
{
    /// <summary>Steps of the chain.</summary>
    public nint Depth;

    /// <summary>The vector side, and the distance from one step to the next.</summary>
    public float* Vectors;
    public nint VectorStride;

    /// <summary>The scalar side: row r at step s is <c>Scalars[r · RowStride + s · DepthStride]</c>.</summary>
    public float* Scalars;
    public nint RowStride;
    public nint DepthStride;

    /// <summary>Instead of the strides, for convolution: where each row of the scalar side begins, and how far from there each step reads.</summary>
    public int* RowOffsets;
    public int* StepOffsets;

    /// <summary>Instead of their stride, for convolution's gradient: where each step's vectors and each row's results are.</summary>
    public int* VectorOffsets;
    public int* ResultOffsets;

    /// <summary>The tile of the result, and the distance between its rows.</summary>
    public float* Result;
    public nint ResultStride;

    /// <summary>
    /// Memory to bring into the level-2 cache meanwhile, a line in every step (mask 0) or every second one (mask 1), this far apart; anything readable with a
    /// distance of 0 for none.
    /// </summary>
    public float* Ahead;
    public nint AheadStride;
    public nint AheadMask;

    /// <summary>Chains go on from the result's present values, not from zero.</summary>
    public bool Continue;

    /// <summary>The result is stored past the caches; its rows begin at multiples of a vector.</summary>
    public bool StorePast;
}

/// <summary>
/// The one inner loop of every product and convolution: a tile of accumulators that stays in registers for the whole depth. docs/kernels.md has the picture.
/// </summary>
internal static unsafe class Tile
{
    /// <summary>Rows of the largest tile: 6 × 4 accumulators fill the 32 registers of AVX-512 (24 + 4 vectors + 1 broadcast), 6 × 2 the 16 of AVX2.</summary>
    public const int MaxRows = 6;

    /// <summary>Runs a tile of <paramref name="rows"/> (1 to 6) by <paramref name="vectors"/> (1 to the level's panel) vectors.</summary>
    public static void Run<TOps, TVector, TWalk>(int rows, int vectors, ref TileTask task)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TWalk : struct, IWalk
    {
        switch (vectors)
        {
            case 1: Run<TOps, TVector, TWalk, One>(rows, ref task); break;
            case 2: Run<TOps, TVector, TWalk, Two>(rows, ref task); break;
            case 3: Run<TOps, TVector, TWalk, Three>(rows, ref task); break;
            default: Run<TOps, TVector, TWalk, Four>(rows, ref task); break;
        }
    }

    private static void Run<TOps, TVector, TWalk, TColumns>(int rows, ref TileTask task)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TWalk : struct, IWalk
        where TColumns : struct, ICount
    {
        switch (rows)
        {
            case 1: Run<TOps, TVector, TWalk, One, TColumns>(ref task); break;
            case 2: Run<TOps, TVector, TWalk, Two, TColumns>(ref task); break;
            case 3: Run<TOps, TVector, TWalk, Three, TColumns>(ref task); break;
            case 4: Run<TOps, TVector, TWalk, Four, TColumns>(ref task); break;
            case 5: Run<TOps, TVector, TWalk, Five, TColumns>(ref task); break;
            default: Run<TOps, TVector, TWalk, Six, TColumns>(ref task); break;
        }
    }

    // The counts are constants to the compiler: what a smaller tile does not have is not there in its code. AggressiveOptimization, as the loop must never
    // run in the unoptimised tier.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TOps, TVector, TWalk, TRows, TColumns>(ref TileTask task)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TWalk : struct, IWalk
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        float* v = task.Vectors;
        nint vectorStride = task.VectorStride, depthStride = task.DepthStride, aheadStride = task.AheadStride, aheadMask = task.AheadMask;
        float* ahead = task.Ahead;
        float* row0 = TWalk.Row<TRows>(ref task, 0);
        float* row1 = TWalk.Row<TRows>(ref task, 1);
        float* row2 = TWalk.Row<TRows>(ref task, 2);
        float* row3 = TWalk.Row<TRows>(ref task, 3);
        float* row4 = TWalk.Row<TRows>(ref task, 4);
        float* row5 = TWalk.Row<TRows>(ref task, 5);
        int* offsets = task.StepOffsets, vectorOffsets = task.VectorOffsets;
        TVector c00 = TOps.Zero, c01 = TOps.Zero, c02 = TOps.Zero, c03 = TOps.Zero;
        TVector c10 = TOps.Zero, c11 = TOps.Zero, c12 = TOps.Zero, c13 = TOps.Zero;
        TVector c20 = TOps.Zero, c21 = TOps.Zero, c22 = TOps.Zero, c23 = TOps.Zero;
        TVector c30 = TOps.Zero, c31 = TOps.Zero, c32 = TOps.Zero, c33 = TOps.Zero;
        TVector c40 = TOps.Zero, c41 = TOps.Zero, c42 = TOps.Zero, c43 = TOps.Zero;
        TVector c50 = TOps.Zero, c51 = TOps.Zero, c52 = TOps.Zero, c53 = TOps.Zero;
        if (task.Continue)
        {
            Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 0), ref c00, ref c01, ref c02, ref c03);
            if (TRows.Value > 1) Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 1), ref c10, ref c11, ref c12, ref c13);
            if (TRows.Value > 2) Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 2), ref c20, ref c21, ref c22, ref c23);
            if (TRows.Value > 3) Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 3), ref c30, ref c31, ref c32, ref c33);
            if (TRows.Value > 4) Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 4), ref c40, ref c41, ref c42, ref c43);
            if (TRows.Value > 5) Load<TOps, TVector, TColumns>(TWalk.Result(ref task, 5), ref c50, ref c51, ref c52, ref c53);
        }

        nint at = 0;
        for (var step = task.Depth; step > 0; step--)
        {
            if (TWalk.ByTable) at = *offsets++;
            if (TWalk.VectorsByTable) v = task.Vectors + *vectorOffsets++;
            TVector v0 = TOps.Zero, v1 = TOps.Zero, v2 = TOps.Zero, v3 = TOps.Zero;
            Load<TOps, TVector, TColumns>(v, ref v0, ref v1, ref v2, ref v3);
            MultiplyAdd<TOps, TVector, TColumns>(row0 + at, v0, v1, v2, v3, ref c00, ref c01, ref c02, ref c03);
            if (TRows.Value > 1) MultiplyAdd<TOps, TVector, TColumns>(row1 + at, v0, v1, v2, v3, ref c10, ref c11, ref c12, ref c13);
            if (TRows.Value > 2) MultiplyAdd<TOps, TVector, TColumns>(row2 + at, v0, v1, v2, v3, ref c20, ref c21, ref c22, ref c23);
            if (TRows.Value > 3) MultiplyAdd<TOps, TVector, TColumns>(row3 + at, v0, v1, v2, v3, ref c30, ref c31, ref c32, ref c33);
            if (TRows.Value > 4) MultiplyAdd<TOps, TVector, TColumns>(row4 + at, v0, v1, v2, v3, ref c40, ref c41, ref c42, ref c43);
            if (TRows.Value > 5) MultiplyAdd<TOps, TVector, TColumns>(row5 + at, v0, v1, v2, v3, ref c50, ref c51, ref c52, ref c53);
            if (!TWalk.VectorsByTable) v += vectorStride;
            if (TWalk.ByTable) continue; // Which has no strides, and nothing to bring near.
            at += depthStride;
            if ((step & aheadMask) != 0) continue;
            if (Sse.IsSupported) Sse.Prefetch1(ahead);
            ahead += aheadStride;
        }

        if (!TWalk.ByTable && task.StorePast)
        {
            StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 0), c00, c01, c02, c03);
            if (TRows.Value > 1) StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 1), c10, c11, c12, c13);
            if (TRows.Value > 2) StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 2), c20, c21, c22, c23);
            if (TRows.Value > 3) StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 3), c30, c31, c32, c33);
            if (TRows.Value > 4) StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 4), c40, c41, c42, c43);
            if (TRows.Value > 5) StorePast<TOps, TVector, TColumns>(TWalk.Result(ref task, 5), c50, c51, c52, c53);
            return;
        }

        Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 0), c00, c01, c02, c03);
        if (TRows.Value > 1) Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 1), c10, c11, c12, c13);
        if (TRows.Value > 2) Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 2), c20, c21, c22, c23);
        if (TRows.Value > 3) Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 3), c30, c31, c32, c33);
        if (TRows.Value > 4) Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 4), c40, c41, c42, c43);
        if (TRows.Value > 5) Store<TOps, TVector, TColumns>(TWalk.Result(ref task, 5), c50, c51, c52, c53);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TOps, TVector, TColumns>(float* from, ref TVector x0, ref TVector x1, ref TVector x2, ref TVector x3)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        x0 = TOps.Load(from);
        if (TColumns.Value > 1) x1 = TOps.Load(from + TOps.Lanes);
        if (TColumns.Value > 2) x2 = TOps.Load(from + (2 * TOps.Lanes));
        if (TColumns.Value > 3) x3 = TOps.Load(from + (3 * TOps.Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TOps, TVector, TColumns>(float* to, TVector x0, TVector x1, TVector x2, TVector x3)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        TOps.Store(x0, to);
        if (TColumns.Value > 1) TOps.Store(x1, to + TOps.Lanes);
        if (TColumns.Value > 2) TOps.Store(x2, to + (2 * TOps.Lanes));
        if (TColumns.Value > 3) TOps.Store(x3, to + (3 * TOps.Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePast<TOps, TVector, TColumns>(float* to, TVector x0, TVector x1, TVector x2, TVector x3)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        TOps.StorePast(x0, to);
        if (TColumns.Value > 1) TOps.StorePast(x1, to + TOps.Lanes);
        if (TColumns.Value > 2) TOps.StorePast(x2, to + (2 * TOps.Lanes));
        if (TColumns.Value > 3) TOps.StorePast(x3, to + (3 * TOps.Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd<TOps, TVector, TColumns>(
        float* scalar, TVector v0, TVector v1, TVector v2, TVector v3, ref TVector x0, ref TVector x1, ref TVector x2, ref TVector x3)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        var s = TOps.Broadcast(scalar);
        x0 = TOps.MultiplyAdd(s, v0, x0);
        if (TColumns.Value > 1) x1 = TOps.MultiplyAdd(s, v1, x1);
        if (TColumns.Value > 2) x2 = TOps.MultiplyAdd(s, v2, x2);
        if (TColumns.Value > 3) x3 = TOps.MultiplyAdd(s, v3, x3);
    }
}

/// <summary>A number that is a type, so that the compiler knows it.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

internal readonly struct One : ICount
{
    public static int Value => 1;
}

internal readonly struct Two : ICount
{
    public static int Value => 2;
}

internal readonly struct Three : ICount
{
    public static int Value => 3;
}

internal readonly struct Four : ICount
{
    public static int Value => 4;
}

internal readonly struct Five : ICount
{
    public static int Value => 5;
}

internal readonly struct Six : ICount
{
    public static int Value => 6;
}
