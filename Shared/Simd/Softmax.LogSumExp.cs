using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

public static unsafe partial class Softmax
{
    /// <summary>dx = dy[r]·e^(x − y[r]) in each row, y = ln Σ e^x; or added to dx.</summary>
    public static void LogSumExpBackward(int rows, int n, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
    {
        for (var r = 0; r < rows; r++)
        {
            // An infinite sum would give ∞ − ∞; PyTorch, too, subtracts nothing there.
            var shift = float.IsInfinity(y[r]) ? 0f : y[r];
            Map.Unary(new ShareOperator(shift, dy[r]), x.Slice(r * n, n), dx.Slice(r * n, n), accumulate);
        }
    }

    private readonly struct ShareOperator(float shift, float scale) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512.Create(scale) * Formulas.Exp(x - Vector512.Create(shift));
    }
}
