using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// Prints a digest of each bandwidth-bound kernel's results on fixed inputs, one to a line. The lines are the same at every vector width and on every machine;
/// tests run this in processes with instruction sets switched off.
/// </summary>
internal static class VectorDigestCommand
{
    private const int Length = 187;
    private static readonly float[] X = Numbers(1, -6f, 6f);
    private static readonly float[] Y = Numbers(2, -2f, 2f);
    private static readonly float[] Positive = Numbers(3, 0.01f, 9f);

    public static int Run(string[] args)
    {
        foreach (var (name, results) in Digests())
            Console.WriteLine($"{name} {Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(results.AsSpan())))[..16]}");
        return 0;
    }

    /// <summary>Each kernel's name and what it computed.</summary>
    private static IEnumerable<(string Name, float[] Results)> Digests()
    {
        foreach (var (name, unary) in Unaries())
            yield return (name, Into(y => unary(X, y), y => unary(Extremes(), y)));
        foreach (var (name, binary) in Binaries())
            yield return (name, Into(y => binary(Y, X, y, false), y => binary(Y, Positive, y, true)));
        foreach (var item in Random().Concat(Reductions()).Concat(Rows()).Concat(Optimizers()))
            yield return item;
    }

    private static IEnumerable<(string, Unary)> Unaries() =>
    [
        ("exp", VectorMath.Exp), ("log", VectorMath.Log), ("tanh", VectorMath.Tanh), ("sigmoid", VectorMath.Sigmoid), ("erf", VectorMath.Erf), ("sin", VectorMath.Sin), ("cos", VectorMath.Cos),
        ("gelu", VectorMath.Gelu), ("gelu_tanh", VectorMath.GeluTanh), ("silu", VectorMath.Silu), ("mish", VectorMath.Mish), ("logsigmoid", VectorMath.LogSigmoid),
        ("softplus", (x, y) => VectorMath.Softplus(x, 1.5f, 20f, y)), ("elu", (x, y) => VectorMath.Elu(x, 1.3f, y)), ("pow", (x, y) => VectorMath.Pow(x, 2.7f, y)),
        ("relu", VectorMath.Relu), ("leaky_relu", (x, y) => VectorMath.LeakyRelu(x, 0.02f, y)), ("hardswish", VectorMath.Hardswish), ("rsqrt", Elementwise.Rsqrt),
        ("sign", Elementwise.Sign), ("clamp", (x, y) => Elementwise.Clamp(x, -1f, 2f, y)), ("add_scaled", (x, y) => Elementwise.AddScaled(0.3f, x, y)),
    ];

    private static IEnumerable<(string, Binary)> Binaries() =>
    [
        ("tanh_backward", VectorMath.TanhBackward), ("sigmoid_backward", VectorMath.SigmoidBackward), ("erf_backward", VectorMath.ErfBackward), ("gelu_backward", VectorMath.GeluBackward),
        ("gelu_tanh_backward", VectorMath.GeluTanhBackward), ("silu_backward", VectorMath.SiluBackward), ("mish_backward", VectorMath.MishBackward),
        ("logsigmoid_backward", VectorMath.LogSigmoidBackward), ("sin_backward", VectorMath.SinBackward), ("cos_backward", VectorMath.CosBackward), ("relu_backward", VectorMath.ReluBackward),
        ("rsqrt_backward", Elementwise.RsqrtBackward), ("abs_backward", Elementwise.AbsBackward), ("pow_backward", (dy, x, dx, a) => VectorMath.PowBackward(dy, x, 2.7f, dx, a)),
        ("multiply_accumulate", (a, b, y, accumulate) => Elementwise.MultiplyAccumulate(a, b, y)), ("divide", (a, b, y, accumulate) => Elementwise.Divide(a, b, y)),
    ];

    private static IEnumerable<(string, float[])> Random()
    {
        var key = RandomKey.Create(1, 2, 3);
        yield return ("uniform", Into(y => Philox.FillUniform(y, key, -1f, 3f, 5)));
        yield return ("normal", Into(y => Philox.FillNormal(y, key, 1f, 2f, 5)));
        yield return ("dropout", Into(y => Philox.Dropout(X, y, 0.3f, key, 5)));
        var permutation = new int[Length];
        Philox.Permutation(permutation, key);
        yield return ("permutation", [.. permutation.Select(i => (float)i)]);
    }

    private static IEnumerable<(string, float[])> Reductions()
    {
        yield return ("sum", [Reduce.Sum(X), Reduce.Dot(X, Y), Reduce.SumOfSquaredDifferences(X, 0.3f), (float)Reduce.SumOfSquares(X), Reduce.Max(X), Reduce.Min(X)]);
        yield return ("row_sum", Into(y => Reduce.RowSum(11, 17, X, y)));
        yield return ("column_sum", Into(y => Reduce.ColumnSum(2, 93, X, y)));
        yield return ("channel_sum", Into(y => Reduce.ChannelSum(3, 5, 12, X, y)));
        yield return ("tree", Into(y => TreeReduce.Sum([X, Y, Positive], [0.2f, 0.3f, 0.5f], 0, y)));
    }

    private static IEnumerable<(string, float[])> Rows()
    {
        var softmax = Into(y => Softmax.Forward(5, 37, 1, X, y));
        yield return ("softmax", softmax);
        yield return ("softmax_strided", Into(y => Softmax.Forward(2, 3, 31, X, y)));
        yield return ("log_softmax", Into(y => Softmax.LogForward(5, 37, 1, X, y), y => Softmax.LogForward(2, 3, 31, X, y)));
        yield return ("softmax_backward", Into(y => Softmax.Backward(5, 37, 1, Y, softmax, y), y => Softmax.LogBackward(2, 3, 31, Y, X, y)));
        long[] targets = [3, 0, 36, -1, 5];
        var (losses, normalizers) = (new float[5], new float[5]);
        CrossEntropy.Forward(5, 37, X, targets, Positive, -1, 0.1f, losses, normalizers);
        yield return ("cross_entropy", losses);
        yield return ("cross_entropy_backward", Into(y => CrossEntropy.Backward(5, 37, X, targets, Positive, -1, 0.1f, normalizers, 0.3f, [], y)));
        var (mean, rstd) = (new float[Length], new float[Length]);
        yield return ("layer_norm", Into(y => LayerNorm.Forward(5, 37, X, Y, Positive, 1e-5f, y, mean, rstd)));
        yield return ("layer_norm_backward", Into(y => LayerNorm.Backward(5, 37, Y, X, Positive, mean, rstd, y, [], [])));
        yield return ("rms_norm", Into(y => RmsNorm.Forward(5, 37, X, Y, 1e-5f, y, rstd)));
        yield return ("group_norm", Into(y => GroupNorm.Forward(3, 6, 10, 2, X, Y, Positive, 1e-5f, y, mean, rstd)));
        foreach (var (channels, inner) in new[] { (37, 1), (5, 7) })
        {
            var (dWeight, dBias) = (new float[channels], new float[channels]);
            BatchNorm.Statistics(5, channels, inner, X, mean, rstd);
            BatchNorm.ReciprocalRoot(rstd, 1e-5f, rstd);
            yield return ($"batch_norm_{inner}", Into(y => BatchNorm.Normalize(5, channels, inner, X, mean, rstd, Y, Positive, y)));
            yield return ($"batch_norm_backward_{inner}", [.. Into(y => BatchNorm.Backward(5, channels, inner, Y, X, mean, rstd, Positive, true, y, dWeight, dBias)), .. dWeight, .. dBias]);
        }
    }

    private static IEnumerable<(string, float[])> Optimizers()
    {
        // Two steps each: the second meets states that are not zero.
        float[] p = new float[Length], a = new float[Length], b = new float[Length], c = new float[Length];
        (string, Action<long>)[] rules =
        [
            ("sgd", step => OptimizerKernels.Sgd(p, X, a, p, step, 0.1, 0.9, 0.1, 0.01, true, false, 0.7f)),
            ("adam", step => OptimizerKernels.Adam(p, X, a, b, c, p, step, 0.01, weightDecay: 0.1, gradientScale: 0.7f)),
            ("adamw", step => OptimizerKernels.Adam(p, X, a, b, default, p, step, 0.01, weightDecay: 0.1, decoupled: true)),
            ("adamax", step => OptimizerKernels.Adamax(p, X, a, b, p, step, 0.01)),
            ("nadam", step => OptimizerKernels.NAdam(p, X, a, b, p, step, 0.4, 0.01)),
            ("radam", step => OptimizerKernels.RAdam(p, X, a, b, p, step + 9, 0.01)),
            ("rmsprop", step => OptimizerKernels.RmsProp(p, X, a, b, c, p, 0.01, momentum: 0.9)),
            ("adagrad", step => OptimizerKernels.Adagrad(p, X, a, p, step, 0.1, 0.01)),
            ("adadelta", step => OptimizerKernels.Adadelta(p, X, a, b, p)),
            ("rprop", step => OptimizerKernels.Rprop(p, X, a, b, p)),
        ];
        foreach (var (name, rule) in rules)
        {
            Y.CopyTo(p.AsSpan());
            foreach (var state in new[] { a, b, c })
                state.AsSpan().Fill(name == "rprop" ? 0.01f : 0f);
            rule(1);
            rule(2);
            yield return (name, [.. p, .. a, .. b, .. c]);
        }
    }

    private static float[] Into(params Fill[] fills)
    {
        var results = new float[fills.Length * Length];
        for (var i = 0; i < fills.Length; i++)
            fills[i](results.AsSpan(i * Length, Length));
        return results;
    }

    private static float[] Numbers(ulong stream, float low, float high)
    {
        // By integers alone, so that the inputs of this check do not depend on what it checks.
        var numbers = new float[Length];
        for (var i = 0; i < Length; i++)
            numbers[i] = low + (high - low) * (Philox.Generate(RandomKey.Create(7, stream), (ulong)i).X >> 8) / 16777216f;
        return numbers;
    }

    // Every second exponent, both signs, and the special values.
    private static float[] Extremes()
    {
        float[] special = [0f, -0f, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -1e-40f, 1e-42f, float.MaxValue, -88f, 88.9f, -103.5f, 1.5e6f, -3e30f];
        return [.. special, .. Enumerable.Range(0, Length - special.Length).Select(i => BitConverter.UInt32BitsToSingle((uint)i * 3 / 2 % 255 << 23 | (uint)i << 31 | (uint)i * 7919))];
    }

    private delegate void Unary(ReadOnlySpan<float> x, Span<float> y);

    private delegate void Binary(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y, bool accumulate);

    private delegate void Fill(Span<float> y);
}
