using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>gemm</c>: square products (keyed by n alone), and those of a worker's linear layers at batch 64 and 128: forward NN, dX NT, dW TN, where m, n, k are
/// those of the product itself.
/// </summary>
internal static class GemmCommand
{
    public static int Run(string[] args)
    {
        foreach (var n in (int[])[64, 128, 256, 512, 1024, 2048]) Report(n, n, n, "NN", square: true);
        foreach (var batch in (int[])[64, 128])
        foreach (var (inputs, outputs) in ((int, int)[])[(784, 512), (2048, 2048)])
        {
            Report(batch, outputs, inputs, "NN");
            Report(batch, inputs, outputs, "NT");
            Report(inputs, outputs, batch, "TN");
        }

        return 0;
    }

    private static void Report(int m, int n, int k, string op, bool square = false)
    {
        bool transposeA = op[0] == 'T', transposeB = op[1] == 'T';
        FloatBuffer a = Data.Aligned(m * k, 1), b = Data.Aligned(k * n, 2), c = new(m * n);
        int lda = transposeA ? m : k, ldb = transposeB ? k : n;
        Machine.PeakGflops();
        var seconds = Measure.Seconds(() => Gemm.Multiply(transposeA, transposeB, m, n, k, a.Span, lda, b.Span, ldb, c.Span, n));
        double gflops = 2.0 * m * n * k / seconds / 1e9, share = gflops / Machine.PeakGflops();
        if (square) Measure.Print(("workload", "gemm"), ("n", n), ("gflops", gflops), ("share_of_peak", share));
        else Measure.Print(("workload", "gemm"), ("m", m), ("n", n), ("k", k), ("op", op), ("gflops", gflops), ("share_of_peak", share));
    }
}
