using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DistTrain.Simd;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>digest [level]</c>: a digest of each compute-bound kernel's results on fixed inputs at a numerics level (the machine's best without one), one to a line.
/// Lines are the same for avx512 and avx2, and the same for portable wherever it runs; tests compare them between processes.
/// </summary>
internal static class DigestCommand
{
    public static int Run(string[] args)
    {
        if (args.Length > 0)
        {
            if (!Numerics.TryParse(args[0], out var level))
            {
                Console.Error.WriteLine($"digest: no numerics level '{args[0]}'; expected avx512, avx2 or portable");
                return 2;
            }

            Numerics.Use(level);
        }

        Console.WriteLine($"numerics {Numerics.Name(Numerics.Level)}");
        foreach (var (m, n, k) in ((int, int, int)[])[(1, 1, 1), (7, 65, 33), (64, 10, 40), (49, 130, 70), (130, 33, 20), (9, 17, 1030)])
            foreach (var op in (string[])["NN", "NT", "TN", "TT"]) Product(op, m, n, k);
        foreach (var shape in (ConvShape[])[new(2, 3, 9, 11, 20, 3, 3), new(2, 4, 10, 9, 6, 3, 2, 2, 3, 1, 1, 2, 1, 2), new(1, 66, 5, 5, 3, 1, 1)]) Convolutions(shape);
        foreach (var shape in (PoolShape[])[new(5, 26, 26, 2, 2, 2, 2), new(5, 11, 9, 3, 3, 1, 1, 1, 1), new(3, 12, 40, 3, 3, 2, 2)]) Pools(shape);
        return 0;
    }

    private static void Product(string op, int m, int n, int k)
    {
        bool transposeA = op[0] == 'T', transposeB = op[1] == 'T';
        float[] a = Data.Random(m * k, 1), b = Data.Random(k * n, 2), c = Data.Random(m * n, 3);
        int lda = transposeA ? m : k, ldb = transposeB ? k : n;
        Gemm.Multiply(transposeA, transposeB, m, n, k, a, lda, b, ldb, c, n, accumulate: true);
        Print($"gemm-{op}-{m}-{n}-{k}", c);
        if (op != "NT") return;
        Gemm.Linear(m, n, k, a, b, Data.Random(n, 4), c, Activation.Relu);
        Print($"linear-{m}-{n}-{k}", c);
    }

    private static void Convolutions(ConvShape s)
    {
        float[] x = Data.Random(s.InputLength, 1), w = Data.Random(s.WeightLength, 2), y = Data.Random(s.OutputLength, 3), bias = Data.Random(s.OutChannels, 4);
        float[] result = new float[y.Length], dx = new float[x.Length], dw = new float[w.Length];
        var name = $"{s.InChannels}-{s.OutChannels}-{s.KernelH}x{s.KernelW}";
        Convolution.Forward(s, x, w, bias, result, Activation.Relu);
        Print($"convolution-forward-{name}", result);
        Convolution.BackwardInput(s, y, w, dx);
        Print($"convolution-input-{name}", dx);
        Convolution.BackwardWeight(s, x, y, dw);
        Print($"convolution-weight-{name}", dw);
        Convolution.BackwardBias(s, y, bias);
        Print($"convolution-bias-{name}", bias);
    }

    private static void Pools(PoolShape s)
    {
        float[] x = Data.Random(s.InputLength, 1), y = new float[s.OutputLength], dx = new float[x.Length];
        var argmax = new int[y.Length];
        Pooling.MaxForward(s, x, y, argmax);
        Print($"max-{s.Height}x{s.Width}", y);
        Pooling.MaxBackward(s, y, argmax, dx);
        Print($"max-backward-{s.Height}x{s.Width}", dx);
        Pooling.AverageForward(s, x, y);
        Print($"average-{s.Height}x{s.Width}", y);
        Pooling.AverageBackward(s, y, dx);
        Print($"average-backward-{s.Height}x{s.Width}", dx);
    }

    private static void Print(string name, float[] results) =>
        Console.WriteLine($"{name} {Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(results.AsSpan())))[..16]}");
}
