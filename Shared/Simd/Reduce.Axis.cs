using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Reductions of one axis of [outer, n, inner] tensors, row-major. With inner = 1 a row is reduced as a whole span is. With inner > 1 each output is a chain
// over the axis in blocks of 256 (a block from its first element on, then the blocks in order), whatever the width; columns stand side by side in the lanes.
public static unsafe partial class Reduce
{
    // Long enough to keep adding blocks cheap, short enough to bound the error of a sum over many rows.
    private const int AxisBlock = 256;

    /// <summary>destination[c] = Σ over rows of x[r, c], for x [rows, columns]: the gradient of a bias.</summary>
    public static void ColumnSum(int rows, int columns, ReadOnlySpan<float> x, Span<float> destination, bool accumulate = false)
        => SumAxis(1, rows, columns, x, destination, accumulate);

    /// <summary>destination[r] = Σ over columns of x[r, c], for x [rows, columns].</summary>
    public static void RowSum(int rows, int columns, ReadOnlySpan<float> x, Span<float> destination, bool accumulate = false)
        => SumAxis(rows, columns, 1, x, destination, accumulate);

    /// <summary>y[o, i] = Σ over k of x[o, k, i], or added to y.</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length.</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="x">[outer, n, inner].</param>
    /// <param name="y">[outer, inner].</param>
    /// <param name="accumulate">Add to y instead of overwriting it.</param>
    public static void SumAxis(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y, bool accumulate = false)
    {
        RequireAxis(nameof(SumAxis), outer, n, inner, x.Length, y.Length);
        if (!accumulate)
            y[..(outer * inner)].Clear();
        fixed (float* px = x, py = y)
        {
            for (var o = 0; o < outer; o++)
            {
                var source = px + (nint)o * n * inner;
                if (inner == 1)
                    py[o] += Sum(new Identity(), source, source, n);
                else
                    SumColumns(n, inner, source, py + (nint)o * inner);
            }
        }
    }

    /// <summary>Adds the sum over channels' elements: destination[c] (+)= Σ over o, i of x[o, c, i], for x [outer, channels, inner]: the bias gradient of a convolution.</summary>
    public static void ChannelSum(int outer, int channels, int inner, ReadOnlySpan<float> x, Span<float> destination, bool accumulate = false)
    {
        RequireAxis(nameof(ChannelSum), outer, channels, inner, x.Length, int.MaxValue);
        Lanes.RequireLength(nameof(ChannelSum), nameof(destination), destination.Length, channels);
        if (inner == 1)
        {
            ColumnSum(outer, channels, x, destination, accumulate);
            return;
        }
        fixed (float* px = x)
        {
            for (var c = 0; c < channels; c++)
            {
                double total = 0;
                for (var o = 0; o < outer; o++)
                {
                    var row = px + ((nint)o * channels + c) * inner;
                    total += Sum(new Identity(), row, row, inner);
                }
                destination[c] = accumulate ? destination[c] + (float)total : (float)total;
            }
        }
    }

    /// <summary>y[o, i] = max over k of x[o, k, i], NaN where there is one, and its first index; <paramref name="indices"/> may be empty.</summary>
    /// <exception cref="ArgumentException">n is 0, or a span is too short.</exception>
    public static void MaxAxis(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y, Span<long> indices)
        => ExtremeAxis(1f, outer, n, inner, x, y, indices);

    /// <summary>y[o, i] = min over k of x[o, k, i], NaN where there is one, and its first index; <paramref name="indices"/> may be empty.</summary>
    /// <exception cref="ArgumentException">n is 0, or a span is too short.</exception>
    public static void MinAxis(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y, Span<long> indices)
        => ExtremeAxis(-1f, outer, n, inner, x, y, indices);

    private static void ExtremeAxis(float sign, int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y, Span<long> indices)
    {
        RequireAxis("MaxAxis", outer, n, inner, x.Length, y.Length);
        RequireElements("MaxAxis", n);
        for (var o = 0; o < outer; o++)
        {
            var slab = x.Slice(o * n * inner, n * inner);
            for (var i = 0; i < inner; i++)
            {
                int best;
                if (inner == 1)
                    best = sign > 0 ? ArgMax(slab) : ArgMin(slab);
                else
                    best = FirstExtreme(sign, slab, i, n, inner);
                y[o * inner + i] = slab[best * inner + i];
                if (!indices.IsEmpty)
                    indices[o * inner + i] = best;
            }
        }
    }

    private static int FirstExtreme(float sign, ReadOnlySpan<float> slab, int i, int n, int inner)
    {
        var best = 0;
        for (var k = 0; k < n; k++)
        {
            var value = slab[k * inner + i];
            if (float.IsNaN(value))
                return k;
            if (sign * value > sign * slab[best * inner + i])
                best = k;
        }
        return best;
    }

    // Panels of 64 columns keep four chains of additions in registers; rows of a panel are 256 bytes apart from the next, which the prefetcher follows.
    private static void SumColumns(int rows, int columns, float* x, float* y)
    {
        var c = 0;
        for (; c <= columns - 4 * Lanes.Count; c += 4 * Lanes.Count)
            SumPanel(rows, columns, x + c, y + c);
        for (; c <= columns - Lanes.Count; c += Lanes.Count)
        {
            for (var start = 0; start < rows; start += AxisBlock)
                (Lanes.Load(y + c) + BlockOfColumns(start, rows, columns, x + c)).Store(y + c);
        }
        if (c < columns)
        {
            for (var start = 0; start < rows; start += AxisBlock)
            {
                var block = BlockOfColumns(start, rows, columns, x + c, columns - c);
                Lanes.Store(Lanes.Load(y + c, columns - c) + block, y + c, columns - c);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumPanel(int rows, int columns, float* x, float* y)
    {
        for (var start = 0; start < rows; start += AxisBlock)
        {
            var row = x + (nint)start * columns;
            var a = Lanes.Load(row);
            var b = Lanes.Load(row + 16);
            var c = Lanes.Load(row + 32);
            var d = Lanes.Load(row + 48);
            var end = Math.Min(rows, start + AxisBlock);
            for (var r = start + 1; r < end; r++)
            {
                row += columns;
                a += Lanes.Load(row);
                b += Lanes.Load(row + 16);
                c += Lanes.Load(row + 32);
                d += Lanes.Load(row + 48);
            }
            (Lanes.Load(y) + a).Store(y);
            (Lanes.Load(y + 16) + b).Store(y + 16);
            (Lanes.Load(y + 32) + c).Store(y + 32);
            (Lanes.Load(y + 48) + d).Store(y + 48);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> BlockOfColumns(int start, int rows, int columns, float* x)
    {
        var row = x + (nint)start * columns;
        var sum = Lanes.Load(row);
        var end = Math.Min(rows, start + AxisBlock);
        for (var r = start + 1; r < end; r++)
        {
            row += columns;
            sum += Lanes.Load(row);
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> BlockOfColumns(int start, int rows, int columns, float* x, int count)
    {
        var row = x + (nint)start * columns;
        var sum = Lanes.Load(row, count);
        var end = Math.Min(rows, start + AxisBlock);
        for (var r = start + 1; r < end; r++)
        {
            row += columns;
            sum += Lanes.Load(row, count);
        }
        return sum;
    }

    private static void RequireAxis(string kernel, int outer, int n, int inner, int x, int y)
    {
        if (outer < 0 || n < 0 || inner < 0)
            throw new ArgumentException($"{kernel}: the shape was [{outer}, {n}, {inner}], expected no negative length");
        Lanes.RequireLength(kernel, "x", x, checked(outer * n * inner));
        Lanes.RequireLength(kernel, "y", y, outer * inner);
    }
}
