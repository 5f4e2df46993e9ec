namespace DistTrain.Simd;

/// <summary>
/// 2-d convolution (cross-correlation, as PyTorch's Conv2d) on [N, C, H, W] float32, with its three gradients. Every result is one chain of fused
/// multiply-adds in an order that the shape alone decides:
/// <list type="bullet">
/// <item><see cref="Forward"/>: over (input channel, kernel row, kernel column), then bias, then activation;</item>
/// <item><see cref="BackwardInput"/>: over (output channel, kernel row, kernel column);</item>
/// <item><see cref="BackwardWeight"/>: over (sample, output row, output column).</item>
/// </list>
/// Zeros of the padding take part in the first and last as zeros, so a sample's result never depends on the rest of its batch.
/// </summary>
public static class Convolution
{
    [ThreadStatic]
    private static float[]? scratch;

    /// <summary>y = activation(x * weight + bias): x [N, C, H, W], weight [O, C / groups, kernelH, kernelW], bias [O] or empty, y [N, O, outH, outW].</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void Forward(
        in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y, Activation activation = Activation.None)
    {
        shape.Validate();
        Check("x", x.Length, shape.InputLength);
        Check("weight", weight.Length, shape.WeightLength);
        Check("y", y.Length, shape.OutputLength);
        if (bias.Length != 0) Check("bias", bias.Length, shape.OutChannels);
        int positions = shape.OutHeight * shape.OutWidth, depth = shape.GroupInChannels * shape.KernelH * shape.KernelW, outs = shape.GroupOutChannels;
        var columns = Scratch(depth * positions);
        for (var sample = 0; sample < shape.Batch; sample++)
        {
            for (var group = 0; group < shape.Groups; group++)
            {
                Gather(shape, x[(((sample * shape.InChannels) + (group * shape.GroupInChannels)) * shape.Height * shape.Width)..], columns);
                var target = y.Slice(((sample * shape.OutChannels) + (group * outs)) * positions, outs * positions);
                Gemm.Multiply(false, false, outs, positions, depth, weight[(group * outs * depth)..], depth, columns, positions, target, positions);
                for (var o = 0; o < outs; o++)
                {
                    if (bias.Length == 0 && activation == Activation.None) break;
                    Epilogue.AddBias(target.Slice(o * positions, positions), bias.Length == 0 ? 0f : bias[(group * outs) + o], activation);
                }
            }
        }
    }

    /// <summary>dx = the gradient of the input, or dx += it: dy [N, O, outH, outW], dx [N, C, H, W].</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardInput(in ConvShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, Span<float> dx, bool accumulate = false)
    {
        shape.Validate();
        Check("dy", dy.Length, shape.OutputLength);
        Check("weight", weight.Length, shape.WeightLength);
        Check("dx", dx.Length, shape.InputLength);
        int outH = shape.OutHeight, outW = shape.OutWidth, ins = shape.GroupInChannels, outs = shape.GroupOutChannels;
        var portable = Numerics.Level == SimdLevel.Portable;
        for (var sample = 0; sample < shape.Batch; sample++)
        for (var channel = 0; channel < shape.InChannels; channel++)
        for (var row = 0; row < shape.Height; row++)
        for (var column = 0; column < shape.Width; column++)
        {
            var index = (((((sample * shape.InChannels) + channel) * shape.Height) + row) * shape.Width) + column;
            var sum = accumulate ? dx[index] : 0f;
            int group = channel / ins;
            for (var o = group * outs; o < (group + 1) * outs; o++)
            for (var kh = 0; kh < shape.KernelH; kh++)
            {
                var up = row + shape.PadH - (kh * shape.DilationH);
                if (up < 0 || up % shape.StrideH != 0 || up / shape.StrideH >= outH) continue;
                for (var kw = 0; kw < shape.KernelW; kw++)
                {
                    var left = column + shape.PadW - (kw * shape.DilationW);
                    if (left < 0 || left % shape.StrideW != 0 || left / shape.StrideW >= outW) continue;
                    float g = dy[(((((sample * shape.OutChannels) + o) * outH) + (up / shape.StrideH)) * outW) + (left / shape.StrideW)];
                    float w = weight[(((((o * ins) + (channel % ins)) * shape.KernelH) + kh) * shape.KernelW) + kw];
                    sum = portable ? sum + (w * g) : MathF.FusedMultiplyAdd(w, g, sum);
                }
            }

            dx[index] = sum;
        }
    }

    /// <summary>dw = the gradient of the weight, or dw += it, summed over the batch: x [N, C, H, W], dy [N, O, outH, outW], dw like the weight.</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardWeight(in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dw, bool accumulate = false)
    {
        shape.Validate();
        Check("x", x.Length, shape.InputLength);
        Check("dy", dy.Length, shape.OutputLength);
        Check("dw", dw.Length, shape.WeightLength);
        int positions = shape.OutHeight * shape.OutWidth, depth = shape.GroupInChannels * shape.KernelH * shape.KernelW, outs = shape.GroupOutChannels;
        if (!accumulate) dw[..shape.WeightLength].Clear();
        var columns = Scratch(depth * positions);
        for (var sample = 0; sample < shape.Batch; sample++)
        {
            for (var group = 0; group < shape.Groups; group++)
            {
                Gather(shape, x[(((sample * shape.InChannels) + (group * shape.GroupInChannels)) * shape.Height * shape.Width)..], columns);
                var g = dy.Slice(((sample * shape.OutChannels) + (group * outs)) * positions, outs * positions);
                Gemm.Multiply(false, true, outs, depth, positions, g, positions, columns, positions, dw[(group * outs * depth)..], depth, accumulate: true);
            }
        }
    }

    /// <summary>
    /// db[o] = the sum of dy over (sample, output row, output column), or db += it: each sample's plane summed by 16 lanes (lane j takes elements j,
    /// j + 16, …; lanes combined pairwise), then the planes added in the order of the samples.
    /// </summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardBias(in ConvShape shape, ReadOnlySpan<float> dy, Span<float> db, bool accumulate = false)
    {
        shape.Validate();
        Check("dy", dy.Length, shape.OutputLength);
        Check("db", db.Length, shape.OutChannels);
        var positions = shape.OutHeight * shape.OutWidth;
        for (var o = 0; o < shape.OutChannels; o++)
        {
            var sum = accumulate ? db[o] : 0f;
            for (var sample = 0; sample < shape.Batch; sample++)
                sum += LaneSum.Of(dy.Slice(((sample * shape.OutChannels) + o) * positions, positions));
            db[o] = sum;
        }
    }

    private static void Gather(in ConvShape shape, ReadOnlySpan<float> x, Span<float> columns)
    {
        int outH = shape.OutHeight, outW = shape.OutWidth, at = 0;
        for (var channel = 0; channel < shape.GroupInChannels; channel++)
        for (var kh = 0; kh < shape.KernelH; kh++)
        for (var kw = 0; kw < shape.KernelW; kw++)
        for (var oh = 0; oh < outH; oh++)
        for (var ow = 0; ow < outW; ow++)
        {
            int row = (oh * shape.StrideH) - shape.PadH + (kh * shape.DilationH), column = (ow * shape.StrideW) - shape.PadW + (kw * shape.DilationW);
            var inside = (uint)row < (uint)shape.Height && (uint)column < (uint)shape.Width;
            columns[at++] = inside ? x[(((channel * shape.Height) + row) * shape.Width) + column] : 0f;
        }
    }

    private static Span<float> Scratch(int length)
    {
        if (scratch == null || scratch.Length < length) scratch = new float[length];
        return scratch.AsSpan(0, length);
    }

    private static void Check(string name, int length, int needed)
    {
        if (length < needed) throw new ArgumentException($"Convolution: {name} has {length} elements, expected at least {needed}.");
    }
}
