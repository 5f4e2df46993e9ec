using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class KernelThreadsTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Threads_do_not_change_a_products_bits(int count)
    {
        using var threads = new KernelThreads(count);
        foreach (var (m, n, k) in ((int, int, int)[])[(64, 512, 784), (130, 70, 300), (33, 1000, 128), (2000, 10, 90), (10, 2000, 90)])
        {
            foreach (var op in (string[])["NN", "NT", "TN", "TT"])
            {
                bool transposeA = op[0] == 'T', transposeB = op[1] == 'T';
                float[] a = Reference.Random(m * k, 1), b = Reference.Random(k * n, 2), alone = Reference.Random(m * n, 3), shared = [.. alone];
                void Multiply(float[] c) => Gemm.Multiply(transposeA, transposeB, m, n, k, a, transposeA ? m : k, b, transposeB ? k : n, c, n, accumulate: true);
                Multiply(alone);
                With(threads, () => Multiply(shared));
                Reference.SameBits(alone, shared, $"{op} {m} x {n} x {k}, {count} threads");
            }
        }
    }

    [Fact]
    public void Threads_do_not_change_a_linear_layers_bits()
    {
        const int M = 100, Outs = 300, Ins = 200;
        float[] x = Reference.Random(M * Ins, 1), w = Reference.Random(Outs * Ins, 2), bias = Reference.Random(Outs, 3), alone = new float[M * Outs], shared = new float[M * Outs];
        using var threads = new KernelThreads(3);
        Gemm.Linear(M, Outs, Ins, x, w, bias, alone, Activation.Relu);
        With(threads, () => Gemm.Linear(M, Outs, Ins, x, w, bias, shared, Activation.Relu));
        Reference.SameBits(alone, shared, "linear");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Threads_do_not_change_a_convolutions_bits(int count)
    {
        using var threads = new KernelThreads(count);
        foreach (var shape in (ConvShape[])[new(3, 16, 20, 20, 40, 3, 3, PadH: 1, PadW: 1), new(9, 1, 28, 28, 32, 3, 3), new(1, 64, 9, 9, 64, 3, 3)])
        {
            float[] x = Reference.Random(shape.InputLength, 1), w = Reference.Random(shape.WeightLength, 2), dy = Reference.Random(shape.OutputLength, 3);
            float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length], sharedY = new float[y.Length], sharedDx = new float[dx.Length], sharedDw = new float[dw.Length];
            void All(float[] forward, float[] input, float[] weight)
            {
                Convolution.Forward(shape, x, w, [], forward);
                Convolution.BackwardInput(shape, dy, w, input);
                Convolution.BackwardWeight(shape, x, dy, weight);
            }

            All(y, dx, dw);
            With(threads, () => All(sharedY, sharedDx, sharedDw));
            Reference.SameBits(y, sharedY, "y");
            Reference.SameBits(dx, sharedDx, "dx");
            Reference.SameBits(dw, sharedDw, "dw");
        }
    }

    [Fact]
    public void A_shared_product_allocates_nothing()
    {
        float[] a = new float[64 * 784], b = new float[512 * 784], c = new float[64 * 512];
        using var threads = new KernelThreads(3);
        With(threads, () =>
        {
            for (var i = 0; i < 50; i++) Gemm.Multiply(false, true, 64, 512, 784, a, 784, b, 784, c, 512);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 50; i++) Gemm.Multiply(false, true, 64, 512, 784, a, 784, b, 784, c, 512);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        });
    }

    [Fact]
    public void Only_the_thread_that_asked_is_helped()
    {
        using var threads = new KernelThreads(2);
        With(threads, () =>
        {
            KernelThreads? other = threads;
            var thread = new Thread(() => other = KernelThreads.Current);
            thread.Start();
            thread.Join();
            Assert.Null(other);
        });
        Assert.Null(KernelThreads.Current);
        Assert.Throws<ArgumentOutOfRangeException>(() => new KernelThreads(0));
    }

    private static void With(KernelThreads threads, Action action)
    {
        KernelThreads.Current = threads;
        try
        {
            action();
        }
        finally
        {
            KernelThreads.Current = null;
        }
    }
}
