using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Average pooling, sixteen outputs of a row at a time. An output is summed over its window row by row, left to right, whether alone or among sixteen: the same
/// bits at every width.
/// </summary>
internal static unsafe class AveragePoolKernel
{
    private const int Lanes = 16;

    /// <summary>The outputs of one row, from the first on, as far as vectors may read and write; returns how many.</summary>
    /// <param name="shape">The pooling.</param>
    /// <param name="x">The whole input.</param>
    /// <param name="plane">Which plane.</param>
    /// <param name="oh">Which of its output rows.</param>
    /// <param name="divisor">What the row's sums are divided by: without padding at the sides it is the same in the whole row.</param>
    /// <param name="y">The whole output; the last vector writes beyond the row, into what the next row writes again.</param>
    public static int Row(in PoolShape shape, ReadOnlySpan<float> x, int plane, int oh, float divisor, Span<float> y)
    {
        if (shape.StrideW > 2 || shape.PadW != 0) return 0;
        int outW = shape.OutWidth, at = ((plane * shape.OutHeight) + oh) * outW, ow = 0;
        int top = Math.Max((oh * shape.StrideH) - shape.PadH, 0), bottom = Math.Min((oh * shape.StrideH) - shape.PadH + shape.KernelH, shape.Height);
        var reach = (Lanes * shape.StrideW) + shape.KernelW - 1;
        fixed (float* px = x, py = y)
        {
            for (; ow < outW; ow += Lanes)
            {
                var first = ((long)plane * shape.Height * shape.Width) + (ow * shape.StrideW);
                if (first + ((bottom - 1) * shape.Width) + reach > x.Length || at + ow + Lanes > y.Length) break;
                var sum = shape.StrideW == 1 ? Sum<PoolStride1>(px + first, shape, top, bottom) : Sum<PoolStride2>(px + first, shape, top, bottom);
                (sum / Vector512.Create(divisor)).Store(py + at + ow);
            }
        }

        return Math.Min(ow, outW);
    }

    /// <summary>
    /// The gradient for windows of 2 columns that lie side by side and meet nowhere: every element of dx belongs to one window at most, and is written once, in
    /// order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BackwardInPairs(in PoolShape shape, ReadOnlySpan<float> dy, Span<float> dx)
    {
        int outH = shape.OutHeight, outW = shape.OutWidth, width = shape.Width, inputs = shape.InputLength, outputs = shape.OutputLength;
        var divisor = Vector512.Create((float)(shape.KernelH * 2));
        var low = Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
        var high = low + Vector512.Create(8);
        fixed (float* pdy = dy, pdx = dx)
        {
            for (var plane = 0; plane < shape.Planes; plane++)
            {
                var start = plane * shape.Height * width;
                for (var row = 0; row < shape.Height; row++)
                {
                    var target = pdx + start + (row * width);
                    var oh = row / shape.KernelH;
                    if (oh >= outH)
                    {
                        new Span<float>(target, width).Clear();
                        continue;
                    }

                    int at = ((plane * outH) + oh) * outW, ow = 0;
                    for (; ow < outW && start + (row * width) + (2 * (ow + Lanes)) <= inputs && at + ow + Lanes <= outputs; ow += Lanes)
                    {
                        // Adding 0 makes of -0 what adding to a cleared 0 does.
                        var share = (Vector512.Load(pdy + at + ow) / divisor) + Vector512<float>.Zero;
                        Vector512.Shuffle(share, low).Store(target + (2 * ow));
                        Vector512.Shuffle(share, high).Store(target + (2 * ow) + Lanes);
                    }

                    for (; ow < outW; ow++) target[2 * ow] = target[(2 * ow) + 1] = (pdy[at + ow] / divisor[0]) + 0f;
                    for (var column = 2 * outW; column < width; column++) target[column] = 0;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> Sum<TStride>(float* firstColumn, in PoolShape shape, int top, int bottom)
        where TStride : struct, IPoolStride
    {
        var sum = Vector512<float>.Zero;
        for (var row = top; row < bottom; row++)
        for (var column = 0; column < shape.KernelW; column++) sum += TStride.Load(firstColumn + ((nint)row * shape.Width) + column);
        return sum;
    }
}
