using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Gradients of the element-wise operations. Each writes dx, or adds to it with `accumulate`.
public static partial class Elementwise
{
    /// <summary>dx = dy·sign(x).</summary>
    public static void AbsBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(AbsGradient), dy, x, dx, accumulate);

    /// <summary>dx = dy/(2y), y = √x.</summary>
    public static void SqrtBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SqrtGradient), dy, y, dx, accumulate);

    /// <summary>dx = −dy·y³/2, y = 1/√x.</summary>
    public static void RsqrtBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(RsqrtGradient), dy, y, dx, accumulate);

    /// <summary>dx = −dy·y², y = 1/x.</summary>
    public static void ReciprocalBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(ReciprocalGradient), dy, y, dx, accumulate);

    /// <summary>dx = 2·dy·x.</summary>
    public static void SquareBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SquareGradient), dy, x, dx, accumulate);

    /// <summary>dx = dy where low ≤ x ≤ high, else 0 (PyTorch's clamp).</summary>
    public static void ClampBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float low, float high, Span<float> dx, bool accumulate = false)
        => Map.Binary(new ClampGradient(low, high), dy, x, dx, accumulate);

    /// <summary>The gradient of max(a, b) for a: dy where a > b, dy/2 where they are equal, else 0. For b, swap them; for the minimum, negate neither but swap them.</summary>
    public static void MaximumBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate = false)
        => Map.Ternary(default(MaximumGradient), dy, a, b, da, accumulate);

    /// <summary>The gradient of a/b for b: db = −dy·a/b².</summary>
    public static void DivideBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate = false)
        => Map.Ternary(default(DivisorGradient), dy, a, b, db, accumulate);

    private readonly struct AbsGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy * Signs(x);
    }

    private readonly struct SqrtGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => dy / (y + y);
    }

    private readonly struct RsqrtGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => Vector512.Create(-0.5f) * dy * (y * y * y);
    }

    private readonly struct ReciprocalGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> y) => -dy * (y * y);
    }

    private readonly struct SquareGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy * (x + x);
    }

    private readonly struct ClampGradient(float low, float high) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
            => Vector512.GreaterThanOrEqual(x, Vector512.Create(low)) & Vector512.LessThanOrEqual(x, Vector512.Create(high)) & dy;
    }

    private readonly struct MaximumGradient : ITernaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> a, Vector512<float> b)
            => Vector512.ConditionalSelect(Vector512.Equals(a, b), dy * Vector512.Create(0.5f), Vector512.GreaterThan(a, b) & dy);
    }

    private readonly struct DivisorGradient : ITernaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> a, Vector512<float> b) => -dy * ((a / b) / b);
    }
}
