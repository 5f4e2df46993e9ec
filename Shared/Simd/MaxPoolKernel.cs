using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Max pooling, sixteen outputs of a row at a time: comparisons alone, so the same result at every width. The last vector of a row reads and writes beyond the
/// row, into what the next row writes again; where nothing lies beyond, and for strides above 2, one output at a time.
/// </summary>
internal static unsafe class MaxPoolKernel
{
    private const int Lanes = 16;

    public static void Run(in PoolShape shape, ReadOnlySpan<float> x, Span<float> y, Span<int> argmax)
    {
        int outH = shape.OutHeight, outW = shape.OutWidth, inputs = shape.InputLength, outputs = shape.OutputLength;
        // The vectors of a row read up to here from the window's left border: sixteen steps, and what the last window has beyond its first element.
        var reach = (Lanes * shape.StrideW) + shape.KernelW - 1;
        // Windows that hang over the left border have no place to read; their rows go one by one.
        var wide = shape.StrideW <= 2 && shape.PadW == 0;
        var twoByTwo = Vector512.IsHardwareAccelerated && shape is { KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, PadH: 0, PadW: 0 };
        fixed (float* px = x, py = y)
        fixed (int* pArgmax = argmax)
        {
            for (var plane = 0; plane < shape.Planes; plane++)
            {
                var source = px + ((nint)plane * shape.Height * shape.Width);
                for (var oh = 0; oh < outH; oh++)
                {
                    int top = Math.Max((oh * shape.StrideH) - shape.PadH, 0), bottom = Math.Min((oh * shape.StrideH) - shape.PadH + shape.KernelH, shape.Height);
                    var at = ((plane * outH) + oh) * outW;
                    var ow = 0;
                    for (; wide && ow < outW; ow += Lanes)
                    {
                        var lastRead = (long)(plane * shape.Height * shape.Width) + ((bottom - 1) * shape.Width) + (ow * shape.StrideW) + reach;
                        if (lastRead > inputs || at + ow + Lanes > outputs) break;
                        if (twoByTwo) TwoByTwo(source, top, shape.Width, ow, py + at + ow, pArgmax + at + ow);
                        else if (shape.StrideW == 1) Sixteen<PoolStride1>(shape, source, top, bottom, ow, py + at + ow, pArgmax + at + ow);
                        else Sixteen<PoolStride2>(shape, source, top, bottom, ow, py + at + ow, pArgmax + at + ow);
                    }

                    for (; ow < outW; ow++) One(shape, source, top, bottom, ow, py + at + ow, pArgmax + at + ow);
                }
            }
        }
    }

    /// <summary>
    /// The gradient for windows of 2 x 2 side by side: every input element belongs to one window, so that dx is written once, in order, from comparing places,
    /// instead of cleared and then scattered to.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BackwardTwoByTwo(in PoolShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<int> argmax, Span<float> dx)
    {
        int outH = shape.OutHeight, outW = shape.OutWidth, width = shape.Width, inputs = shape.InputLength, outputs = shape.OutputLength;
        fixed (float* pdy = dy, pdx = dx)
        fixed (int* pArgmax = argmax)
        {
            for (var plane = 0; plane < shape.Planes; plane++)
            {
                var start = plane * shape.Height * width;
                for (var oh = 0; oh < outH; oh++)
                {
                    int at = ((plane * outH) + oh) * outW, row = 2 * oh, stop = 0;
                    while (stop < outW && start + ((row + 1) * width) + (2 * (stop + Lanes)) <= inputs && at + stop + Lanes <= outputs) stop += Lanes;
                    // One row, then the other: the last vectors of a row reach into the next. Columns that no window covers compare unequal, or are cleared.
                    for (var r = row; r < row + 2; r++)
                    {
                        for (var ow = 0; ow < stop; ow += Lanes) SpreadSixteen(pdy + at + ow, pArgmax + at + ow, pdx + start, (r * width) + (2 * ow));
                        if (stop < outW) new Span<float>(pdx + start + (r * width) + (2 * stop), width - (2 * stop)).Clear();
                    }

                    for (var ow = stop; ow < outW; ow++) dx.Slice(start, shape.Height * width)[argmax[at + ow]] += dy[at + ow];
                }

                for (var row = 2 * outH; row < shape.Height; row++) new Span<float>(pdx + start + (row * width), width).Clear();
            }
        }
    }

    // 32 elements of one input row from 16 windows: a window's gradient where its maximum is, else 0. Adding 0 makes of -0 what adding to a cleared 0 does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SpreadSixteen(float* dy, int* argmax, float* plane, int place)
    {
        var low = Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
        var high = low + Vector512.Create(8);
        Vector512<float> gradient = Vector512.Load(dy) + Vector512<float>.Zero;
        var winner = Vector512.Load(argmax);
        var places = Vector512<int>.Indices + Vector512.Create(place);
        Store(Vector512.Shuffle(gradient, low), Vector512.Equals(Vector512.Shuffle(winner, low), places), plane + place);
        Store(Vector512.Shuffle(gradient, high), Vector512.Equals(Vector512.Shuffle(winner, high), places + Vector512.Create(16)), plane + place + 16);

        static void Store(Vector512<float> value, Vector512<int> mask, float* target) => (value & mask.AsSingle()).Store(target);
    }

    // Windows of 2 x 2: a tournament of two pairs instead of four in a row. The first of equals wins either way; what a NaN asks for takes the longer way.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoByTwo(float* plane, int row, int width, int ow, float* y, int* argmax)
    {
        var start = (row * width) + (2 * ow);
        PoolStride2.Load(plane + start, out var a, out var b);
        PoolStride2.Load(plane + start + width, out var c, out var d);
        // NaN, and infinities of both signs.
        var sum = (a + b) + (c + d);
        if (!Vector512.EqualsAll(sum, sum))
        {
            for (var lane = 0; lane < Lanes; lane++)
            {
                float* window = plane + start + (2 * lane);
                var (best, index) = (window[0], start + (2 * lane));
                foreach (var place in (ReadOnlySpan<int>)[1, width, width + 1])
                    if (window[place] > best || float.IsNaN(window[place])) (best, index) = (window[place], start + (2 * lane) + place);
                (y[lane], argmax[lane]) = (best, index);
            }

            return;
        }

        Vector512<float> right = Vector512.GreaterThan(b, a), lowerRight = Vector512.GreaterThan(d, c);
        Vector512<float> upper = Vector512.ConditionalSelect(right, b, a), lower = Vector512.ConditionalSelect(lowerRight, d, c);
        Vector512<int> upperPlace = Vector512.ConditionalSelect(right.AsInt32(), Vector512<int>.One, Vector512<int>.Zero);
        var lowerPlace = Vector512.ConditionalSelect(lowerRight.AsInt32(), Vector512.Create(width + 1), Vector512.Create(width));
        var below = Vector512.GreaterThan(lower, upper);
        Vector512.ConditionalSelect(below, lower, upper).Store(y);
        var places = Vector512.ConditionalSelect(below.AsInt32(), lowerPlace, upperPlace);
        (places + Vector512.Create(start) + (Vector512<int>.Indices << 1)).Store(argmax);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sixteen<TStride>(in PoolShape shape, float* source, int top, int bottom, int ow, float* y, int* argmax)
        where TStride : struct, IPoolStride
    {
        int left = ow * shape.StrideW, width = shape.Width, kernel = shape.KernelW;
        var best = Vector512.Create(float.NegativeInfinity);
        var first = (Vector512<int>.Indices * shape.StrideW) + Vector512.Create((top * width) + left);
        var index = first;
        for (var row = top; row < bottom; row++, first += Vector512.Create(width))
        {
            for (var column = 0; column < kernel; column++)
            {
                var value = TStride.Load(source + ((nint)row * width) + left + column);
                var wins = Vector512.GreaterThan(value, best) | ~Vector512.Equals(value, value);
                best = Vector512.ConditionalSelect(wins, value, best);
                index = Vector512.ConditionalSelect(wins.AsInt32(), first + Vector512.Create(column), index);
            }
        }

        best.Store(y);
        index.Store(argmax);
    }

    private static void One(in PoolShape shape, float* source, int top, int bottom, int ow, float* y, int* argmax)
    {
        int left = Math.Max((ow * shape.StrideW) - shape.PadW, 0), right = Math.Min((ow * shape.StrideW) - shape.PadW + shape.KernelW, shape.Width);
        var best = float.NegativeInfinity;
        var index = (top * shape.Width) + left;
        for (var row = top; row < bottom; row++)
        {
            for (var column = left; column < right; column++)
            {
                var value = source[(row * shape.Width) + column];
                var wins = value > best || float.IsNaN(value);
                best = wins ? value : best;
                index = wins ? (row * shape.Width) + column : index;
            }
        }

        *y = best;
        *argmax = index;
    }
}
