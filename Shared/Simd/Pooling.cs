using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Max, average and adaptive average pooling over planes, with gradients, as PyTorch's MaxPool2d, AvgPool2d (count_include_pad = true) and
/// AdaptiveAvgPool2d. Windows are read row by row, left to right, and summed in that order; gradients of overlapping windows add in the order of the windows.
/// </summary>
public static class Pooling
{
    /// <summary>
    /// y = the window's maximum, <paramref name="argmax"/> its index row · W + column within the input's plane. The first of equals wins, and a NaN wins over
    /// all before it. Padding never wins.
    /// </summary>
    /// <exception cref="ArgumentException">No such pooling exists, or a span is too short.</exception>
    public static void MaxForward(in PoolShape shape, ReadOnlySpan<float> x, Span<float> y, Span<int> argmax)
    {
        Check(shape, x.Length, y.Length);
        if (argmax.Length < shape.OutputLength)
            throw new ArgumentException($"Pooling: argmax has {argmax.Length} elements, expected at least {shape.OutputLength}.");
        MaxPoolKernel.Run(shape, x, y, argmax);
    }

    /// <summary>dx[argmax] += dy, from zeros (or from dx's present values).</summary>
    /// <exception cref="ArgumentException">No such pooling exists, a span is too short, or an index lies outside its plane.</exception>
    public static void MaxBackward(in PoolShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<int> argmax, Span<float> dx, bool accumulate = false)
    {
        Check(shape, dx.Length, dy.Length);
        if (argmax.Length < shape.OutputLength)
            throw new ArgumentException($"Pooling: argmax has {argmax.Length} elements, expected at least {shape.OutputLength}.");
        if (!accumulate && Vector512.IsHardwareAccelerated && shape is { KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, PadH: 0, PadW: 0 })
        {
            MaxPoolKernel.BackwardTwoByTwo(shape, dy, argmax, dx);
            return;
        }

        int outs = shape.OutHeight * shape.OutWidth, ins = shape.Height * shape.Width;
        if (!accumulate) dx[..shape.InputLength].Clear();
        for (var plane = 0; plane < shape.Planes; plane++)
        {
            var target = dx.Slice(plane * ins, ins);
            var gradient = dy.Slice(plane * outs, outs);
            var index = argmax.Slice(plane * outs, outs);
            for (var i = 0; i < gradient.Length; i++) target[index[i]] += gradient[i];
        }
    }

    /// <summary>y = the window's sum / (kernelH · kernelW), zeros of the padding included, as PyTorch's default.</summary>
    /// <exception cref="ArgumentException">No such pooling exists, or a span is too short.</exception>
    public static void AverageForward(in PoolShape shape, ReadOnlySpan<float> x, Span<float> y)
    {
        Check(shape, x.Length, y.Length);
        int outH = shape.OutHeight, outW = shape.OutWidth, at = 0;
        for (var plane = 0; plane < shape.Planes; plane++)
        {
            var source = x.Slice(plane * shape.Height * shape.Width, shape.Height * shape.Width);
            for (var oh = 0; oh < outH; oh++, at += outW)
            {
                var done = AveragePoolKernel.Row(shape, x[..shape.InputLength], plane, oh, Divisor(shape, oh, 0), y[..shape.OutputLength]);
                for (var ow = done; ow < outW; ow++)
                {
                    var (top, bottom) = Window(oh * shape.StrideH - shape.PadH, shape.KernelH, shape.Height);
                    var (left, right) = Window(ow * shape.StrideW - shape.PadW, shape.KernelW, shape.Width);
                    y[at + ow] = SumOf(source, shape.Width, top, bottom, left, right) / Divisor(shape, oh, ow);
                }
            }
        }
    }

    /// <summary>dx += dy / (kernelH · kernelW) over each window, from zeros (or from dx's present values).</summary>
    /// <exception cref="ArgumentException">No such pooling exists, or a span is too short.</exception>
    public static void AverageBackward(in PoolShape shape, ReadOnlySpan<float> dy, Span<float> dx, bool accumulate = false)
    {
        Check(shape, dx.Length, dy.Length);
        if (!accumulate && Vector512.IsHardwareAccelerated && shape is { KernelW: 2, StrideW: 2, PadH: 0, PadW: 0 } && shape.KernelH == shape.StrideH)
        {
            AveragePoolKernel.BackwardInPairs(shape, dy, dx);
            return;
        }

        if (!accumulate) dx[..shape.InputLength].Clear();
        int outH = shape.OutHeight, outW = shape.OutWidth, at = 0;
        for (var plane = 0; plane < shape.Planes; plane++)
        {
            var target = dx.Slice(plane * shape.Height * shape.Width, shape.Height * shape.Width);
            for (var oh = 0; oh < outH; oh++)
            for (var ow = 0; ow < outW; ow++)
            {
                var (top, bottom) = Window(oh * shape.StrideH - shape.PadH, shape.KernelH, shape.Height);
                var (left, right) = Window(ow * shape.StrideW - shape.PadW, shape.KernelW, shape.Width);
                AddTo(target, shape.Width, top, bottom, left, right, dy[at++] / Divisor(shape, oh, ow));
            }
        }
    }

    /// <summary>y [planes, outH, outW] = the mean of window [⌊i·H/outH⌋, ⌈(i+1)·H/outH⌉) in each direction, as PyTorch's AdaptiveAvgPool2d.</summary>
    /// <exception cref="ArgumentException">A size is out of range or a span is too short.</exception>
    public static void AdaptiveAverageForward(int planes, int height, int width, int outH, int outW, ReadOnlySpan<float> x, Span<float> y)
    {
        CheckAdaptive(planes, height, width, outH, outW, x.Length, y.Length);
        var at = 0;
        for (var plane = 0; plane < planes; plane++)
        {
            var source = x.Slice(plane * height * width, height * width);
            for (var oh = 0; oh < outH; oh++)
            for (var ow = 0; ow < outW; ow++)
            {
                var (top, bottom) = AdaptiveWindow(oh, height, outH);
                var (left, right) = AdaptiveWindow(ow, width, outW);
                y[at++] = SumOf(source, width, top, bottom, left, right) / ((bottom - top) * (right - left));
            }
        }
    }

    /// <summary>The gradient of <see cref="AdaptiveAverageForward"/>: dx += dy / window size, from zeros (or from dx's present values).</summary>
    /// <exception cref="ArgumentException">A size is out of range or a span is too short.</exception>
    public static void AdaptiveAverageBackward(
        int planes, int height, int width, int outH, int outW, ReadOnlySpan<float> dy, Span<float> dx, bool accumulate = false)
    {
        CheckAdaptive(planes, height, width, outH, outW, dx.Length, dy.Length);
        if (!accumulate) dx[..(planes * height * width)].Clear();
        var at = 0;
        for (var plane = 0; plane < planes; plane++)
        {
            var target = dx.Slice(plane * height * width, height * width);
            for (var oh = 0; oh < outH; oh++)
            for (var ow = 0; ow < outW; ow++)
            {
                var (top, bottom) = AdaptiveWindow(oh, height, outH);
                var (left, right) = AdaptiveWindow(ow, width, outW);
                AddTo(target, width, top, bottom, left, right, dy[at++] / ((bottom - top) * (right - left)));
            }
        }
    }

    private static (int From, int To) Window(int start, int kernel, int size) => (Math.Max(start, 0), Math.Min(start + kernel, size));

    private static (int From, int To) AdaptiveWindow(int index, int size, int outSize) =>
        ((int)((long)index * size / outSize), (int)((((long)(index + 1) * size) + outSize - 1) / outSize));

    // PyTorch's window ends at the padded border: a window that hangs over it counts fewer elements than the kernel has.
    private static float Divisor(in PoolShape shape, int oh, int ow)
    {
        int top = (oh * shape.StrideH) - shape.PadH, left = (ow * shape.StrideW) - shape.PadW;
        return (Math.Min(top + shape.KernelH, shape.Height + shape.PadH) - top) * (Math.Min(left + shape.KernelW, shape.Width + shape.PadW) - left);
    }

    private static float SumOf(ReadOnlySpan<float> plane, int width, int top, int bottom, int left, int right)
    {
        var sum = 0f;
        for (var row = top; row < bottom; row++)
        for (var column = left; column < right; column++) sum += plane[(row * width) + column];
        return sum;
    }

    private static void AddTo(Span<float> plane, int width, int top, int bottom, int left, int right, float value)
    {
        for (var row = top; row < bottom; row++)
        for (var column = left; column < right; column++) plane[(row * width) + column] += value;
    }

    private static void Check(in PoolShape shape, int input, int output)
    {
        shape.Validate();
        if (input < shape.InputLength) throw new ArgumentException($"Pooling: the input side has {input} elements, expected at least {shape.InputLength}.");
        if (output < shape.OutputLength) throw new ArgumentException($"Pooling: the output side has {output} elements, expected at least {shape.OutputLength}.");
    }

    private static void CheckAdaptive(int planes, int height, int width, int outH, int outW, int input, int output)
    {
        if (planes < 0 || height < 1 || width < 1 || outH < 1 || outW < 1)
            throw new ArgumentException($"Pooling: adaptive from {height} x {width} to {outH} x {outW}: sizes must be at least 1.");
        if (input < planes * height * width || output < planes * outH * outW)
            throw new ArgumentException($"Pooling: adaptive: {input} and {output} elements, expected at least {planes * height * width} and {planes * outH * outW}.");
    }
}
