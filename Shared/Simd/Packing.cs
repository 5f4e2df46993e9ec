using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>Copies of matrix parts into the order in which a tile reads them. All distances are in floats.</summary>
internal static unsafe class Packing
{
    /// <summary>Copies <paramref name="rows"/> rows of <paramref name="columns"/> floats.</summary>
    public static void Copy(float* source, nint sourceStride, float* target, nint targetStride, nint rows, nint columns)
    {
        for (nint row = 0; row < rows; row++)
            Unsafe.CopyBlockUnaligned(target + (row * targetStride), source + (row * sourceStride), (uint)(columns * sizeof(float)));
    }

    /// <summary>target[column][row] = source[row][column], which must not overlap. Whole blocks, the last ones overlapping those before them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose<TOps, TVector>(float* source, nint sourceStride, float* target, nint targetStride, nint rows, nint columns)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        if (rows < TOps.Lanes || columns < TOps.Lanes)
        {
            for (nint row = 0; row < rows; row++)
                for (nint column = 0; column < columns; column++) target[(column * targetStride) + row] = source[(row * sourceStride) + column];
            return;
        }

        for (nint row = 0; row < rows; row += TOps.Lanes)
        {
            row = Math.Min(row, rows - TOps.Lanes);
            for (nint column = 0; column < columns; column += TOps.Lanes)
            {
                column = Math.Min(column, columns - TOps.Lanes);
                TOps.Transpose(source + (row * sourceStride) + column, sourceStride, target + (column * targetStride) + row, targetStride);
            }
        }
    }

    /// <summary>
    /// A panel of the vector side: target[step][lane] for <paramref name="lanes"/> lanes, lanes from there to <paramref name="width"/> zero.
    /// The source has its lanes or its steps side by side: one of the strides is 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<TOps, TVector>(float* source, nint laneStride, nint stepStride, float* target, nint steps, nint lanes, nint width)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        if (lanes < width)
            for (nint step = 0; step < steps; step++) new Span<float>(target + (step * width) + lanes, (int)(width - lanes)).Clear();
        if (laneStride != 1)
            Transpose<TOps, TVector>(source, laneStride, target, width, lanes, steps);
        else if (lanes < width)
            Copy(source, stepStride, target, width, steps, lanes);
        else
            for (nint step = 0; step < steps; step++, source += stepStride, target += width)
                for (nint lane = 0; lane < width; lane += TOps.Lanes) TOps.Store(TOps.Load(source + lane), target + lane);
    }

    /// <summary>
    /// One tile of the scalar side whose rows lie side by side: target[step][row]. Reads and writes up to 8 floats at a time, so that it overruns the
    /// target by up to 7, which the next tile overwrites.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScalarTile(float* source, nint stepStride, float* target, nint steps, nint rows)
    {
        var room = ((steps - 1) * stepStride) + rows - Vector256<float>.Count; // From the first element to the last place where eight can be read.
        var wide = room < 0 ? 0 : Math.Min(steps, (room / stepStride) + 1);
        nint step = 0;
        for (; step < wide; step++, source += stepStride, target += rows) Vector256.Load(source).Store(target);
        for (; step < steps; step++, source += stepStride, target += rows)
            for (nint row = 0; row < rows; row++) target[row] = source[row];
    }
}
