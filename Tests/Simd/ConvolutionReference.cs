using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

/// <summary>Convolution and its gradients as the loops that define them.</summary>
internal static class ConvolutionReference
{
    public static float[] Forward(SimdLevel level, ConvShape s, float[] x, float[] w, float[]? bias, bool relu)
    {
        var y = new float[s.OutputLength];
        foreach (var (n, o, oh, ow) in Outputs(s))
        {
            var sum = 0f;
            for (var c = 0; c < s.GroupInChannels; c++)
            for (var kh = 0; kh < s.KernelH; kh++)
            for (var kw = 0; kw < s.KernelW; kw++)
                sum = Reference.MultiplyAdd(level, X(s, x, n, o, c, (oh * s.StrideH) + (kh * s.DilationH), (ow * s.StrideW) + (kw * s.DilationW)), w[W(s, o, c, kh, kw)], sum);
            if (bias != null) sum += bias[o];
            y[Y(s, n, o, oh, ow)] = relu && sum < 0 ? 0 : sum;
        }

        return y;
    }

    public static float[] BackwardInput(SimdLevel level, ConvShape s, float[] dy, float[] w, float[]? start)
    {
        float[] dx = start == null ? new float[s.InputLength] : [.. start];
        // Each input element meets (o, kh, kw) in this order, whatever order the outputs come in.
        for (var n = 0; n < s.Batch; n++)
        for (var o = 0; o < s.OutChannels; o++)
        for (var kh = 0; kh < s.KernelH; kh++)
        for (var kw = 0; kw < s.KernelW; kw++)
        for (var c = 0; c < s.GroupInChannels; c++)
        for (var oh = 0; oh < s.OutHeight; oh++)
        for (var ow = 0; ow < s.OutWidth; ow++)
        {
            int row = (oh * s.StrideH) + (kh * s.DilationH) - s.PadH, column = (ow * s.StrideW) + (kw * s.DilationW) - s.PadW;
            if (row < 0 || row >= s.Height || column < 0 || column >= s.Width) continue;
            var at = (((((n * s.InChannels) + (o / s.GroupOutChannels * s.GroupInChannels) + c) * s.Height) + row) * s.Width) + column;
            dx[at] = Reference.MultiplyAdd(level, dy[Y(s, n, o, oh, ow)], w[W(s, o, c, kh, kw)], dx[at]);
        }

        return dx;
    }

    public static float[] BackwardWeight(SimdLevel level, ConvShape s, float[] x, float[] dy, float[]? start)
    {
        float[] dw = start == null ? new float[s.WeightLength] : [.. start];
        foreach (var (n, o, oh, ow) in Outputs(s))
        for (var c = 0; c < s.GroupInChannels; c++)
        for (var kh = 0; kh < s.KernelH; kh++)
        for (var kw = 0; kw < s.KernelW; kw++)
        {
            ref var sum = ref dw[W(s, o, c, kh, kw)];
            sum = Reference.MultiplyAdd(level, X(s, x, n, o, c, (oh * s.StrideH) + (kh * s.DilationH), (ow * s.StrideW) + (kw * s.DilationW)), dy[Y(s, n, o, oh, ow)], sum);
        }

        return dw;
    }

    private static IEnumerable<(int N, int O, int Oh, int Ow)> Outputs(ConvShape s)
    {
        for (var n = 0; n < s.Batch; n++)
        for (var o = 0; o < s.OutChannels; o++)
        for (var oh = 0; oh < s.OutHeight; oh++)
        for (var ow = 0; ow < s.OutWidth; ow++)
            yield return (n, o, oh, ow);
    }

    private static float X(ConvShape s, float[] x, int n, int o, int c, int row, int column)
    {
        row -= s.PadH;
        column -= s.PadW;
        if (row < 0 || row >= s.Height || column < 0 || column >= s.Width) return 0;
        return x[(((((n * s.InChannels) + (o / s.GroupOutChannels * s.GroupInChannels) + c) * s.Height) + row) * s.Width) + column];
    }

    private static int W(ConvShape s, int o, int c, int kh, int kw) => (((((o * s.GroupInChannels) + c) * s.KernelH) + kh) * s.KernelW) + kw;

    private static int Y(ConvShape s, int n, int o, int oh, int ow) => (((((n * s.OutChannels) + o) * s.OutHeight) + oh) * s.OutWidth) + ow;
}
