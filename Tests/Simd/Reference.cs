using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

/// <summary>The kernels' definitions as plain loops, and inputs for both.</summary>
internal static class Reference
{
    /// <summary>The levels that this machine can run.</summary>
    public static IEnumerable<SimdLevel> Levels => Enum.GetValues<SimdLevel>().Where(Numerics.IsSupported);

    /// <summary>Numbers in [-1, 1) that a seed decides.</summary>
    public static float[] Random(int length, int seed)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (var i = 0; i < length; i++) values[i] = (2 * random.NextSingle()) - 1;
        return values;
    }

    /// <summary>One link of a chain.</summary>
    public static float MultiplyAdd(SimdLevel level, float a, float b, float c) => level == SimdLevel.Portable ? (a * b) + c : MathF.FusedMultiplyAdd(a, b, c);

    /// <summary>C = op(A)·op(B) (+ C), one chain per element.</summary>
    public static void Gemm(
        SimdLevel level, bool transposeA, bool transposeB, int m, int n, int k, float[] a, int lda, float[] b, int ldb, float[] c, int ldc, bool accumulate)
    {
        for (var i = 0; i < m; i++)
        for (var j = 0; j < n; j++)
        {
            var sum = accumulate ? c[(i * ldc) + j] : 0f;
            for (var p = 0; p < k; p++) sum = MultiplyAdd(level, transposeA ? a[(p * lda) + i] : a[(i * lda) + p], transposeB ? b[(j * ldb) + p] : b[(p * ldb) + j], sum);
            c[(i * ldc) + j] = sum;
        }
    }

    /// <summary>Fails unless both have the same bits, naming the first place where they differ.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
                Assert.Fail($"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}");
    }
}
