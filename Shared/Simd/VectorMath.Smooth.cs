using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Smooth activations from exp and log. Their gradients take the input of the forward pass.
public static partial class VectorMath
{
    /// <summary>y = ln(1 + e^(beta·x))/beta, and x itself where beta·x > threshold (PyTorch: 1 and 20).</summary>
    public static void Softplus(ReadOnlySpan<float> x, float beta, float threshold, Span<float> y) => Map.Unary(new SoftplusOperator(beta, threshold), x, y);

    /// <summary>dx = dy·sigmoid(beta·x), and dy where beta·x > threshold.</summary>
    public static void SoftplusBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float beta, float threshold, Span<float> dx, bool accumulate = false)
        => Map.Binary(new SoftplusGradient(beta, threshold), dy, x, dx, accumulate);

    /// <summary>y = ln(sigmoid(x)) = min(x, 0) − ln(1 + e^−|x|).</summary>
    public static void LogSigmoid(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(LogSigmoidOperator), x, y);

    /// <summary>dx = dy·sigmoid(−x).</summary>
    public static void LogSigmoidBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(LogSigmoidGradient), dy, x, dx, accumulate);

    /// <summary>y = x where x > 0, else alpha·(e^x − 1).</summary>
    public static void Elu(ReadOnlySpan<float> x, float alpha, Span<float> y) => Map.Unary(new EluOperator(alpha), x, y);

    /// <summary>dx = dy where x > 0, else dy·alpha·e^x.</summary>
    public static void EluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float alpha, Span<float> dx, bool accumulate = false)
        => Map.Binary(new EluGradient(alpha), dy, x, dx, accumulate);

    private readonly struct SoftplusOperator(float beta, float threshold) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            var scaled = x * Vector512.Create(beta);
            var positive = Vector512.MaxNative(scaled, Vector512<float>.Zero);
            var result = (positive + Formulas.LogOnePlusPositive(Formulas.Exp(-Vector512.Abs(scaled)))) / Vector512.Create(beta);
            return Vector512.ConditionalSelect(Vector512.GreaterThan(scaled, Vector512.Create(threshold)), x, result);
        }
    }

    private readonly struct SoftplusGradient(float beta, float threshold) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var scaled = x * Vector512.Create(beta);
            return Vector512.ConditionalSelect(Vector512.GreaterThan(scaled, Vector512.Create(threshold)), dy, dy * Formulas.Sigmoid(scaled));
        }
    }

    private readonly struct LogSigmoidOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            var negative = Vector512.MinNative(Vector512<float>.Zero, x);
            return negative - Formulas.LogOnePlusPositive(Formulas.Exp(-Vector512.Abs(x)));
        }
    }

    private readonly struct LogSigmoidGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy * Formulas.Sigmoid(-x);
    }

    private readonly struct EluOperator(float alpha) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), x, Vector512.Create(alpha) * Formulas.ExpMinusOneNegative(Vector512.MinNative(Vector512<float>.Zero, x)));
    }

    private readonly struct EluGradient(float alpha) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), dy, dy * (Vector512.Create(alpha) * Formulas.Exp(Vector512.MinNative(Vector512<float>.Zero, x))));
    }
}
