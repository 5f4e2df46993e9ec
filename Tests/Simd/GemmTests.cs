using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Simd;

public class GemmTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 1 }, { 1, 1, 7 }, { 5, 1, 3 }, { 1, 33, 2 }, { 2, 2, 9 }, { 6, 64, 5 }, { 7, 65, 16 }, { 13, 17, 31 }, { 16, 16, 16 }, { 48, 64, 33 },
        { 49, 63, 17 }, { 64, 10, 50 }, { 10, 64, 50 }, { 100, 130, 70 }, { 61, 200, 40 }, { 200, 61, 40 }, { 3, 300, 1 }, { 12, 20, 2100 }, { 130, 70, 1030 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_product_has_the_bits_of_one_chain_per_element_at_every_level(int m, int n, int k)
    {
        foreach (var level in Reference.Levels)
            for (var variant = 0; variant < 8; variant++)
                Check(level, (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0, m, n, k, pad: variant % 3);
    }

    [Fact]
    public void A_depth_of_zero_gives_zeros_or_leaves_the_result()
    {
        float[] c = [1, 2, 3, 4, 5, 6];
        Gemm.Multiply(false, false, 2, 3, 0, [], 0, [], 3, c, 3, accumulate: true);
        Assert.Equal([1, 2, 3, 4, 5, 6], c);
        Gemm.Multiply(false, false, 2, 3, 0, [], 0, [], 3, c, 3);
        Assert.Equal(new float[6], c);
        Gemm.Multiply(false, false, 0, 3, 4, [], 4, new float[12], 3, [], 3);
    }

    [Theory]
    [InlineData(1030, 1040, 5, 1040)]
    [InlineData(600, 2000, 3, 2016)]
    [InlineData(4099, 272, 2, 272)]
    public void A_result_too_large_for_the_caches_has_the_bits_of_one_that_goes_through_them(int m, int n, int k, int ldc)
    {
        // What begins within a vector is not stored past the caches.
        float[] a = Reference.Random(k * m, 1), b = Reference.Random(k * n, 2);
        FloatBuffer past = new(m * ldc), through = new((m * ldc) + 1);
        foreach (var level in Reference.Levels)
        {
            past.Span.Fill(7);
            through.Span.Fill(7);
            GemmKernels.Run(level, true, false, m, n, k, a, m, b, n, past.Span, ldc, false);
            GemmKernels.Run(level, true, false, m, n, k, a, m, b, n, through.Span[1..], ldc, false);
            Reference.SameBits(through.Span.Slice(1, m * ldc), past.Span[..(m * ldc)], $"{level}");
        }
    }

    [Fact]
    public void A_sample_gives_the_same_bits_alone_as_in_a_batch()
    {
        const int Batch = 77, Outs = 83, Ins = 129;
        float[] x = Reference.Random(Batch * Ins, 1), w = Reference.Random(Outs * Ins, 2), bias = Reference.Random(Outs, 3);
        float[] y = new float[Batch * Outs], alone = new float[Outs];
        Gemm.Linear(Batch, Outs, Ins, x, w, bias, y, Activation.Relu);
        for (var sample = 0; sample < Batch; sample++)
        {
            Gemm.Linear(1, Outs, Ins, x.AsSpan(sample * Ins, Ins), w, bias, alone, Activation.Relu);
            Reference.SameBits(alone, y.AsSpan(sample * Outs, Outs), $"sample {sample}");
        }
    }

    [Theory]
    [InlineData(64, 10, 256)]
    [InlineData(64, 1, 100)]
    [InlineData(1, 1, 3)]
    [InlineData(1, 70, 20)]
    [InlineData(9, 200, 33)]
    [InlineData(100, 65, 1100)]
    public void Linear_adds_the_bias_after_the_chain_and_then_activates(int m, int outs, int ins)
    {
        float[] x = Reference.Random(m * ins, 4), w = Reference.Random(outs * ins, 5), bias = Reference.Random(outs, 6);
        foreach (var activation in (Activation[])[Activation.None, Activation.Relu])
        {
            float[] y = new float[m * outs], expected = new float[m * outs];
            Reference.Gemm(Numerics.Level, false, true, m, outs, ins, x, ins, w, ins, expected, outs, false);
            for (var i = 0; i < expected.Length; i++)
            {
                expected[i] += bias[i % outs];
                if (activation == Activation.Relu) expected[i] = MathF.Max(0, expected[i]);
            }

            Gemm.Linear(m, outs, ins, x, w, bias, y, activation);
            Reference.SameBits(expected, y, $"{activation}");
        }
    }

    [Fact]
    public void Batched_products_are_the_single_ones()
    {
        const int Batch = 5, M = 19, N = 33, K = 21;
        float[] a = Reference.Random(Batch * M * K, 7), b = Reference.Random(K * N, 8), c = new float[Batch * M * N], one = new float[M * N];
        Gemm.MultiplyBatched(Batch, false, false, M, N, K, a, K, M * K, b, N, 0, c, N, M * N);
        for (var i = 0; i < Batch; i++)
        {
            Gemm.Multiply(false, false, M, N, K, a.AsSpan(i * M * K), K, b, N, one, N);
            Reference.SameBits(one, c.AsSpan(i * M * N, M * N), $"matrix {i}");
        }
    }

    [Fact]
    public void Not_a_number_and_infinity_reach_only_their_row()
    {
        const int M = 20, N = 70, K = 40;
        float[] a = Reference.Random(M * K, 9), b = Reference.Random(K * N, 10), c = new float[M * N];
        a[(3 * K) + 5] = float.NaN;
        a[(7 * K) + 5] = float.PositiveInfinity;
        Gemm.Multiply(false, false, M, N, K, a, K, b, N, c, N);
        for (var i = 0; i < c.Length; i++)
            Assert.True(i / N == 3 ? float.IsNaN(c[i]) : i / N == 7 ? float.IsInfinity(c[i]) : float.IsFinite(c[i]), $"c[{i / N},{i % N}] = {c[i]}");
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        var shortSpan = Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, false, 2, 3, 4, new float[7], 4, new float[12], 3, new float[6], 3));
        Assert.Equal("Gemm: A has 7 elements, expected at least 8 for 2 x 4 with leading dimension 4.", shortSpan.Message);
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, true, 2, 3, 4, new float[8], 4, new float[12], 3, new float[6], 3));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(false, false, -1, 3, 4, [], 4, new float[12], 3, [], 3));
    }

    [Fact]
    public void A_product_allocates_nothing_once_its_scratch_has_grown()
    {
        float[] a = new float[64 * 300], b = new float[500 * 300], c = new float[64 * 500];
        void Run()
        {
            Gemm.Multiply(false, true, 64, 500, 300, a, 300, b, 300, c, 500);
            Gemm.Multiply(true, false, 300, 300, 64, a, 300, a, 300, b, 300);
            Gemm.Linear(64, 500, 300, a, b, b, c, Activation.Relu);
        }

        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Check(SimdLevel level, bool transposeA, bool transposeB, bool accumulate, int m, int n, int k, int pad)
    {
        int lda = (transposeA ? m : k) + pad, ldb = (transposeB ? k : n) + (2 * pad), ldc = n + (3 * pad);
        // Exactly as long as the matrices: the last row ends the span.
        float[] a = Reference.Random((((transposeA ? k : m) - 1) * lda) + (transposeA ? m : k), 1), b = Reference.Random((((transposeB ? n : k) - 1) * ldb) + (transposeB ? k : n), 2);
        float[] c = Reference.Random(((m - 1) * ldc) + n, 3), expected = [.. c];
        GemmKernels.Run(level, transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
        Reference.Gemm(level, transposeA, transposeB, m, n, k, a, lda, b, ldb, expected, ldc, accumulate);
        Reference.SameBits(expected, c, $"{level} {(transposeA ? 'T' : 'N')}{(transposeB ? 'T' : 'N')} {m} x {n} x {k} accumulate {accumulate}");
    }
}
