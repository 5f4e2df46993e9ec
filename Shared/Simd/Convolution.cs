namespace DistTrain.Simd;

/// <summary>
/// 2-d convolution (cross-correlation, as PyTorch's Conv2d) on [N, C, H, W] float32, with its three gradients. Every result is one chain of fused
/// multiply-adds in an order that the shape alone decides:
/// <list type="bullet">
/// <item><c>Forward</c>: over (input channel, kernel row, kernel column), then bias, then activation;</item>
/// <item><c>BackwardInput</c>: over (output channel, kernel row, kernel column);</item>
/// <item><c>BackwardWeight</c>: over (sample, output row, output column).</item>
/// </list>
/// Zeros of the padding take part in the first and last as zeros. A sample's y and dx never depend on the rest of its batch.
/// </summary>
public static unsafe class Convolution
{
    /// <summary>y = activation(x * weight + bias): x [N, C, H, W], weight [O, C / groups, kernelH, kernelW], bias [O] or empty, y [N, O, outH, outW].</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void Forward(
        in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y, Activation activation = Activation.None) =>
        Forward(Numerics.Level, shape, x, weight, bias, y, activation);

    internal static void Forward(
        SimdLevel level, in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y, Activation activation)
    {
        shape.Validate();
        Check("x", x.Length, shape.InputLength);
        Check("weight", weight.Length, shape.WeightLength);
        Check("y", y.Length, shape.OutputLength);
        if (bias.Length != 0) Check("bias", bias.Length, shape.OutChannels);
        fixed (float* px = x, pWeight = weight, pBias = bias, py = y)
        {
            var job = new ConvolutionJob { Shape = shape, Input = px, Weight = pWeight, Bias = pBias, Output = py, Activation = activation };
            ConvolutionJob.Forward(level, ref job);
        }
    }

    /// <summary>dx = the gradient of the input, or dx += it: dy [N, O, outH, outW], dx [N, C, H, W].</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardInput(in ConvShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, Span<float> dx, bool accumulate = false) =>
        BackwardInput(Numerics.Level, shape, dy, weight, dx, accumulate);

    internal static void BackwardInput(
        SimdLevel level, in ConvShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> weight, Span<float> dx, bool accumulate)
    {
        shape.Validate();
        Check("dy", dy.Length, shape.OutputLength);
        Check("weight", weight.Length, shape.WeightLength);
        Check("dx", dx.Length, shape.InputLength);
        fixed (float* pdy = dy, pWeight = weight, pdx = dx)
        {
            var job = new ConvolutionJob { Shape = shape, Input = pdx, Weight = pWeight, Output = pdy, Accumulate = accumulate };
            ConvolutionJob.BackwardInput(level, ref job);
        }
    }

    /// <summary>dw = the gradient of the weight, or dw += it, summed over the batch: x [N, C, H, W], dy [N, O, outH, outW], dw like the weight.</summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardWeight(in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dw, bool accumulate = false) =>
        BackwardWeight(Numerics.Level, shape, x, dy, dw, accumulate);

    internal static void BackwardWeight(
        SimdLevel level, in ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dw, bool accumulate)
    {
        shape.Validate();
        Check("x", x.Length, shape.InputLength);
        Check("dy", dy.Length, shape.OutputLength);
        Check("dw", dw.Length, shape.WeightLength);
        fixed (float* px = x, pdy = dy, pdw = dw)
        {
            var job = new ConvolutionJob { Shape = shape, Input = px, Weight = pdw, Output = pdy, Accumulate = accumulate };
            ConvolutionJob.BackwardWeight(level, ref job);
        }
    }

    /// <summary>
    /// db[o] = the sum of dy over (sample, output row, output column), or db += it: each sample's plane as
    /// <see cref="Reduce.Sum"/>, then the planes added in the order of the samples.
    /// </summary>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardBias(in ConvShape shape, ReadOnlySpan<float> dy, Span<float> db, bool accumulate = false)
    {
        shape.Validate();
        Check("dy", dy.Length, shape.OutputLength);
        Check("db", db.Length, shape.OutChannels);
        if (!accumulate) db[..shape.OutChannels].Clear();
        var positions = shape.OutHeight * shape.OutWidth;
        for (var sample = 0; sample < shape.Batch; sample++)
        for (var o = 0; o < shape.OutChannels; o++) db[o] += Reduce.Sum(dy.Slice(((sample * shape.OutChannels) + o) * positions, positions));
    }

    /// <summary>
    /// What <see cref="VectorMath.ReluBackward"/> and then <see cref="BackwardBias"/> compute, with their bits, while each plane is in the first cache: through an
    /// activation that was fused into <see cref="Forward(in ConvShape, ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float}, Span{float}, Activation)"/>.
    /// </summary>
    /// <param name="shape">The convolution.</param>
    /// <param name="dy">The gradient of the activation's result, [N, O, outH, outW].</param>
    /// <param name="y">That result.</param>
    /// <param name="masked">The gradient of the convolution's result out; may be <paramref name="dy"/>.</param>
    /// <param name="db">The gradient of the bias, [O].</param>
    /// <param name="accumulate">Adds to db's present values.</param>
    /// <exception cref="ArgumentException">No such convolution exists, or a span is too short.</exception>
    public static void BackwardReluBias(
        in ConvShape shape, ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> masked, Span<float> db, bool accumulate = false)
    {
        shape.Validate();
        Check("dy", dy.Length, shape.OutputLength);
        Check("y", y.Length, shape.OutputLength);
        Check("masked", masked.Length, shape.OutputLength);
        Check("db", db.Length, shape.OutChannels);
        if (!accumulate) db[..shape.OutChannels].Clear();
        int positions = shape.OutHeight * shape.OutWidth, planes = shape.Batch * shape.OutChannels;
        for (var plane = 0; plane < planes; plane++)
        {
            var result = masked.Slice(plane * positions, positions);
            VectorMath.ReluBackward(dy.Slice(plane * positions, positions), y.Slice(plane * positions, positions), result);
            db[plane % shape.OutChannels] += Reduce.Sum(result);
        }
    }

    private static void Check(string name, int length, int needed)
    {
        if (length < needed) throw new ArgumentException($"Convolution: {name} has {length} elements, expected at least {needed}.");
    }
}
