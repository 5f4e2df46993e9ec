using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>A simple product: rows of B scaled and added to rows of C.</summary>
internal static class GemmKernels
{
    [ThreadStatic]
    private static float[]? scratch;

    public static void Run(
        SimdLevel level, bool transposeA, bool transposeB, int m, int n, int k, ReadOnlySpan<float> a, int lda, ReadOnlySpan<float> b, int ldb,
        Span<float> c, int ldc, bool accumulate)
    {
        if (m == 0 || n == 0) return;
        if (transposeB && k > 0)
        {
            if (scratch == null || scratch.Length < n * k) scratch = new float[n * k];
            for (var j = 0; j < n; j++)
                for (var p = 0; p < k; p++) scratch[(p * n) + j] = b[(j * ldb) + p];
            b = scratch;
            ldb = n;
        }

        for (var i = 0; i < m; i++)
        {
            var row = c.Slice(i * ldc, n);
            if (!accumulate) row.Clear();
            for (var p = 0; p < k; p++)
                Axpy(level, transposeA ? a[(p * lda) + i] : a[(i * lda) + p], b.Slice(p * ldb, n), row);
        }
    }

    private static void Axpy(SimdLevel level, float scale, ReadOnlySpan<float> x, Span<float> y)
    {
        var j = 0;
        if (level == SimdLevel.Portable)
        {
            for (; j < y.Length; j++) y[j] += scale * x[j];
            return;
        }

        if (Fma.IsSupported)
        {
            var s = Vector256.Create(scale);
            for (; j <= y.Length - 8; j += 8)
                Fma.MultiplyAdd(s, Vector256.Create(x.Slice(j, 8)), Vector256.Create(y.Slice(j, 8))).CopyTo(y.Slice(j, 8));
        }

        for (; j < y.Length; j++) y[j] = MathF.FusedMultiplyAdd(scale, x[j], y[j]);
    }
}
