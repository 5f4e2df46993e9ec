using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// The bandwidth-bound part of <c>kernels</c>: on arrays in the first caches, where arithmetic shows, and on arrays larger than the second, as in training; with the
/// share of the bandwidth at which the machine reads or copies as many bytes.
/// </summary>
internal static class VectorKernels
{
    private delegate void Unary(ReadOnlySpan<float> x, Span<float> y);

    private delegate void Gradient(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate);

    public static void Run()
    {
        foreach (var length in new[] { 16 << 10, 6 << 20 })
        {
            Elementary(length);
            Rows(length);
            Optimizers(length);
        }
        Heads();
    }

    private static void Elementary(int length)
    {
        float[] x = Data.Random(length, 1), dy = Data.Random(length, 2), y = new float[length];
        foreach (var (name, function) in new (string, Unary)[]
        {
            ("relu", VectorMath.Relu), ("exp", VectorMath.Exp), ("log", VectorMath.Log), ("tanh", VectorMath.Tanh), ("sigmoid", VectorMath.Sigmoid), ("erf", VectorMath.Erf),
            ("gelu", VectorMath.Gelu), ("silu", VectorMath.Silu),
        })
            Report(name, length, 8, () => function(x, y));
        foreach (var (name, gradient) in new (string, Gradient)[] { ("relu backward", VectorMath.ReluBackward), ("gelu backward", VectorMath.GeluBackward) })
            Report(name, length, 12, () => gradient(dy, x, y, false));
        Report("add", length, 12, () => Elementwise.Add(x, dy, y));
        Report("accumulate", length, 12, () => Elementwise.Accumulate(x, y));
        Report("sum", length, 4, () => Reduce.Sum(x));
        Report("sum of squares", length, 4, () => Reduce.SumOfSquares(x));
        Report("uniform", length, 4, () => Philox.FillUniform(y, RandomKey.Create(1, 2)));
        Report("dropout", length, 8, () => Philox.Dropout(x, y, 0.1f, RandomKey.Create(1, 2)));
    }

    private static void Rows(int length)
    {
        const int N = 128;
        var rows = length / N;
        float[] x = Data.Random(length, 1), dy = Data.Random(length, 2), y = new float[length], mean = new float[rows], rstd = new float[rows], dw = new float[N], db = new float[N];
        var targets = new long[rows];
        Report("softmax of 128", length, 8, () => Softmax.Forward(rows, N, 1, x, y));
        Report("cross entropy of 128 classes", length, 4, () => CrossEntropy.Forward(rows, N, x, targets, default, -100, 0f, mean, rstd));
        Report("cross entropy backward of 128 classes", length, 8, () => CrossEntropy.Backward(rows, N, x, targets, default, -100, 0f, rstd, 0.1f, default, y));
        Report("layer norm of 128", length, 8, () => LayerNorm.Forward(rows, N, x, dw, db, 1e-5f, y, mean, rstd));
        Report("layer norm backward of 128", length, 12, () => LayerNorm.Backward(rows, N, dy, x, dw, mean, rstd, y, dw, db));
        Report("column sum of 128", length, 4, () => Reduce.ColumnSum(rows, N, x, dw));
    }

    private static void Optimizers(int length)
    {
        float[] p = Data.Random(length, 1), g = Data.Random(length, 2), a = new float[length], b = new float[length];
        Report("sgd", length, 12, () => OptimizerKernels.Sgd(p, g, default, p, 2, 1e-9));
        Report("sgd with momentum", length, 20, () => OptimizerKernels.Sgd(p, g, a, p, 2, 1e-9, 0.9));
        Report("adamw", length, 28, () => OptimizerKernels.Adam(p, g, a, b, default, p, 2, 1e-9, weightDecay: 0.1, decoupled: true));
        ReadOnlyMemory<float>[] leaves = [p, g, a, b];
        float[] weights = [0.25f, 0.25f, 0.25f, 0.25f], result = new float[length];
        Report("tree of four shards", length, 20, () => TreeReduce.Sum(leaves, weights, 0, result));
    }

    // char-gpt's attention: 12 samples, 4 heads of width 32, context 64. Causal, so about half of the full product is needed.
    private static void Heads()
    {
        var shape = new AttentionShape(12, 4, 64, 64, 32);
        var layout = HeadLayout.Dense(4, 64, 32);
        const int Length = 12 * 4 * 64 * 32;
        float[] q = Data.Random(Length, 1), k = Data.Random(Length, 2), v = Data.Random(Length, 3), y = new float[Length], sums = new float[12 * 4 * 64];
        float[] dq = new float[Length], dk = new float[Length], dv = new float[Length], workspace = new float[shape.BackwardWorkspace];
        var forward = Measure.Seconds(() => Attention.Forward(shape, q, layout, k, layout, v, 0.18f, true, y, layout, sums, workspace));
        var backward = Measure.Seconds(() => Attention.Backward(shape, q, layout, k, layout, v, 0.18f, true, y, y, layout, sums, dq, dk, dv, workspace));
        // Products over the keys that a query may see, half of 64 on average: two forward, five backward.
        const double Product = 2.0 * 12 * 4 * 64 * 32.5 * 32;
        foreach (var (pass, seconds, products) in new[] { ("forward", forward, 2), ("backward", backward, 5) })
        {
            var gflops = products * Product / seconds / 1e9;
            Measure.Print(
                ("workload", "kernels"), ("kernel", $"causal attention of char-gpt, {pass}"), ("ms", seconds * 1e3), ("gflops", gflops), ("bound", "compute"),
                ("share_of_bound", gflops / Machine.PeakGflops()));
        }
    }

    private static void Report(string kernel, int length, int bytesPerElement, Action action)
    {
        var seconds = Measure.Seconds(action, rounds: 40);
        var rate = (double)bytesPerElement * length / seconds / 1e9;
        Measure.Print(
            ("workload", "kernels"), ("kernel", kernel), ("elements", length), ("ns_per_element", seconds / length * 1e9), ("gb_per_s", rate), ("bound", "memory"),
            ("share_of_bound", rate / Machine.Gigabytes((double)bytesPerElement * length)));
    }
}
