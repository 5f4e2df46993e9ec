using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Element-wise arithmetic on spans. Every result is rounded once for each operation in the formula; none is fused, so the bits are the same on every
/// machine. The destination may be one of the sources. Lengths: the first source gives the length, the others and the destination have at least as many.
/// </summary>
public static partial class Elementwise
{
    /// <summary>y = a + b.</summary>
    public static void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Add(a, b, y);

    /// <summary>y = a + b.</summary>
    public static void Add(ReadOnlySpan<float> a, float b, Span<float> y) => TensorPrimitives.Add(a, b, y);

    /// <summary>y = a − b.</summary>
    public static void Subtract(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Subtract(a, b, y);

    /// <summary>y = a − b.</summary>
    public static void Subtract(ReadOnlySpan<float> a, float b, Span<float> y) => TensorPrimitives.Subtract(a, b, y);

    /// <summary>y = a − b.</summary>
    public static void Subtract(float a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Subtract(a, b, y);

    /// <summary>y = a·b.</summary>
    public static void Multiply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Multiply(a, b, y);

    /// <summary>y = a·b.</summary>
    public static void Multiply(ReadOnlySpan<float> a, float b, Span<float> y) => TensorPrimitives.Multiply(a, b, y);

    /// <summary>y = a/b.</summary>
    public static void Divide(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Divide(a, b, y);

    /// <summary>y = a/b.</summary>
    public static void Divide(ReadOnlySpan<float> a, float b, Span<float> y) => TensorPrimitives.Divide(a, b, y);

    /// <summary>y = a/b.</summary>
    public static void Divide(float a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Divide(a, b, y);

    /// <summary>y = max(a, b); NaN where either is.</summary>
    public static void Maximum(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Max(a, b, y);

    /// <summary>y = min(a, b); NaN where either is.</summary>
    public static void Minimum(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Min(a, b, y);

    /// <summary>y = −x.</summary>
    public static void Negate(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Negate(x, y);

    /// <summary>y = |x|.</summary>
    public static void Abs(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Abs(x, y);

    /// <summary>y = √x.</summary>
    public static void Sqrt(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Sqrt(x, y);

    /// <summary>y = 1/√x, two roundings.</summary>
    public static void Rsqrt(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(RsqrtOperator), x, y);

    /// <summary>y = 1/x.</summary>
    public static void Reciprocal(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Divide(1f, x, y);

    /// <summary>y = x².</summary>
    public static void Square(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Multiply(x, x, y);

    /// <summary>y = −1, 0 or 1 by the sign of x; NaN kept.</summary>
    public static void Sign(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(SignOperator), x, y);

    /// <summary>y = min(max(x, low), high); NaN kept.</summary>
    public static void Clamp(ReadOnlySpan<float> x, float low, float high, Span<float> y) => Map.Unary(new ClampOperator(low, high), x, y);

    /// <summary>y += x: how gradients accumulate.</summary>
    public static void Accumulate(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Add(y[..x.Length], x, y);

    /// <summary>y −= x.</summary>
    public static void AccumulateNegated(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Subtract(y[..x.Length], x, y);

    /// <summary>y += alpha·x: the product rounded, then the sum.</summary>
    public static void AddScaled(float alpha, ReadOnlySpan<float> x, Span<float> y) => Map.Unary(new ScaleOperator(alpha), x, y, accumulate: true);

    /// <summary>y = a + alpha·b: the product rounded, then the sum.</summary>
    public static void AddScaled(ReadOnlySpan<float> a, float alpha, ReadOnlySpan<float> b, Span<float> y) => Map.Binary(new AddScaledOperator(alpha), a, b, y);

    /// <summary>y += a·b: the product rounded, then the sum (the gradient of a product).</summary>
    public static void MultiplyAccumulate(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => Map.Binary(default(MultiplyOperator), a, b, y, accumulate: true);

    /// <summary>y = a·b + c: the product rounded, then the sum.</summary>
    public static void MultiplyAdd(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c, Span<float> y)
        => Map.Ternary(default(MultiplyAddOperator), a, b, c, y);

    private readonly struct RsqrtOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512<float>.One / Vector512.Sqrt(x);
    }

    private readonly struct SignOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Signs(x);
    }

    private readonly struct ClampOperator(float low, float high) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            // Comparisons with NaN are false and keep it.
            var raised = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(low)), Vector512.Create(low), x);
            return Vector512.ConditionalSelect(Vector512.GreaterThan(raised, Vector512.Create(high)), Vector512.Create(high), raised);
        }
    }

    private readonly struct ScaleOperator(float alpha) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512.Create(alpha) * x;
    }

    private readonly struct AddScaledOperator(float alpha) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a + Vector512.Create(alpha) * b;
    }

    private readonly struct MultiplyOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a * b;
    }

    private readonly struct MultiplyAddOperator : ITernaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b, Vector512<float> c) => a * b + c;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Signs(Vector512<float> x)
    {
        var one = Formulas.CopySign(Vector512<float>.One, x);
        return Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<float>.Zero) | ~Vector512.Equals(x, x), x, one);
    }
}
