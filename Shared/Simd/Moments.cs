using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>Variance of rows, in two passes, and its gradient.</summary>
public static class Moments
{
    /// <summary>variance[r] = Σ (x − mean)²/(n − correction) of each row, and the means.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="n">Row length.</param>
    /// <param name="x">[rows, n].</param>
    /// <param name="correction">Taken off the divisor: 1 for the unbiased variance.</param>
    /// <param name="mean">[rows] out.</param>
    /// <param name="variance">[rows] out; NaN where the divisor is zero or less.</param>
    public static void Variance(int rows, int n, ReadOnlySpan<float> x, int correction, Span<float> mean, Span<float> variance)
    {
        for (var r = 0; r < rows; r++)
        {
            var row = x.Slice(r * n, n);
            mean[r] = Reduce.Sum(row) / n;
            variance[r] = n > correction ? Reduce.SumOfSquaredDifferences(row, mean[r]) / (n - correction) : float.NaN;
        }
    }

    /// <summary>dx = scale[r]·(x − mean[r]) in each row, or added to dx: the gradient of the variance with scale = 2·dy/(n − correction).</summary>
    public static void Centered(int rows, int n, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, ReadOnlySpan<float> scale, Span<float> dx, bool accumulate = false)
    {
        for (var r = 0; r < rows; r++)
            Map.Unary(new CenteredOperator(mean[r], scale[r]), x.Slice(r * n, n), dx.Slice(r * n, n), accumulate);
    }

    private readonly struct CenteredOperator(float mean, float scale) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => (x - Vector512.Create(mean)) * Vector512.Create(scale);
    }
}
