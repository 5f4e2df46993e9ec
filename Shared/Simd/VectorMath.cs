using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Mathematical functions of spans, y = f(x), and their gradients. The destination may be the source. Errors measured over all exponents stand in
/// docs/numerics.md: exp, log, tanh and erf within 2 ulp, sigmoid within 2.5, sin, cos and pow within 1; NaN, infinities, signed zeros and subnormals as IEEE 754 says.
/// </summary>
public static partial class VectorMath
{
    /// <summary>y = e^x.</summary>
    public static void Exp(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ExpOperator), x, y);

    /// <summary>y = ln x.</summary>
    public static void Log(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(LogOperator), x, y);

    /// <summary>y = tanh x.</summary>
    public static void Tanh(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(TanhOperator), x, y);

    /// <summary>y = 1/(1 + e^−x).</summary>
    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(SigmoidOperator), x, y);

    /// <summary>y = erf x.</summary>
    public static void Erf(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ErfOperator), x, y);

    /// <summary>e^x of one number, with the bits of the span version.</summary>
    public static float Exp(float x) => Map.Scalar(default(ExpOperator), x);

    /// <summary>ln x of one number, with the bits of the span version.</summary>
    public static float Log(float x) => Map.Scalar(default(LogOperator), x);

    /// <summary>tanh x of one number, with the bits of the span version.</summary>
    public static float Tanh(float x) => Map.Scalar(default(TanhOperator), x);

    /// <summary>1/(1 + e^−x) of one number, with the bits of the span version.</summary>
    public static float Sigmoid(float x) => Map.Scalar(default(SigmoidOperator), x);

    /// <summary>dx = dy·y, y = e^x.</summary>
    public static void ExpBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(ExpGradient), dy, y, dx, accumulate);

    /// <summary>dx = dy/x.</summary>
    public static void LogBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(LogGradient), dy, x, dx, accumulate);

    /// <summary>dx = dy·(1 − y²), y = tanh x.</summary>
    public static void TanhBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(TanhGradient), dy, y, dx, accumulate);

    /// <summary>dx = dy·y·(1 − y), y = sigmoid x.</summary>
    public static void SigmoidBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SigmoidGradient), dy, y, dx, accumulate);

    /// <summary>dx = dy·2/√π·e^−x².</summary>
    public static void ErfBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(ErfGradient), dy, x, dx, accumulate);

    private readonly struct ExpOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Formulas.Exp(x);
    }

    private readonly struct LogOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Formulas.Log(x);
    }

    private readonly struct TanhOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Formulas.Tanh(x);
    }

    private readonly struct SigmoidOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Formulas.Sigmoid(x);
    }

    private readonly struct ErfOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Formulas.Erf(x);
    }

    private readonly struct ExpGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => dy * y;
    }

    private readonly struct LogGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy / x;
    }

    private readonly struct TanhGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => dy * (Vector512<float>.One - y * y);
    }

    private readonly struct SigmoidGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => dy * (y * (Vector512<float>.One - y));
    }

    private readonly struct ErfGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy * (Vector512.Create(1.12837917f) * Formulas.Exp(-(x * x)));
    }
}
