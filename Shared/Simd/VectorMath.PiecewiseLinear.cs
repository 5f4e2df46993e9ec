using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Activations made of straight pieces: exactly rounded. NaN is kept.
public static partial class VectorMath
{
    /// <summary>y = max(x, 0).</summary>
    public static void Relu(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ReluOperator), x, y);

    /// <summary>dx = dy where x > 0, else 0; x may be the input or the output of the forward pass.</summary>
    public static void ReluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(ReluGradient), dy, x, dx, accumulate);

    /// <summary>y = x where x > 0, else negativeSlope·x.</summary>
    public static void LeakyRelu(ReadOnlySpan<float> x, float negativeSlope, Span<float> y) => Map.Unary(new LeakyReluOperator(negativeSlope), x, y);

    /// <summary>dx = dy where x > 0, else negativeSlope·dy.</summary>
    public static void LeakyReluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float negativeSlope, Span<float> dx, bool accumulate = false)
        => Map.Binary(new LeakyReluGradient(negativeSlope), dy, x, dx, accumulate);

    /// <summary>y = min(max(x, low), high).</summary>
    public static void Hardtanh(ReadOnlySpan<float> x, float low, float high, Span<float> y) => Map.Unary(new HardtanhOperator(low, high), x, y);

    /// <summary>dx = dy where low &lt; x &lt; high, else 0 (the borders excluded, as in PyTorch).</summary>
    public static void HardtanhBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float low, float high, Span<float> dx, bool accumulate = false)
        => Map.Binary(new HardtanhGradient(low, high), dy, x, dx, accumulate);

    /// <summary>y = x·min(max(x + 3, 0), 6)/6.</summary>
    public static void Hardswish(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(HardswishOperator), x, y);

    /// <summary>dx = dy·(x/3 + ½) for −3 ≤ x ≤ 3, 0 below, dy above.</summary>
    public static void HardswishBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(HardswishGradient), dy, x, dx, accumulate);

    private readonly struct ReluOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);
    }

    private readonly struct ReluGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => Vector512.AndNot(dy, Vector512.LessThanOrEqual(x, Vector512<float>.Zero));
    }

    private readonly struct LeakyReluOperator(float negativeSlope) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), x, x * Vector512.Create(negativeSlope));
    }

    private readonly struct LeakyReluGradient(float negativeSlope) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), dy, dy * Vector512.Create(negativeSlope));
    }

    private readonly struct HardtanhOperator(float low, float high) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            var raised = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(low)), Vector512.Create(low), x);
            return Vector512.ConditionalSelect(Vector512.GreaterThan(raised, Vector512.Create(high)), Vector512.Create(high), raised);
        }
    }

    private readonly struct HardtanhGradient(float low, float high) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => Vector512.GreaterThan(x, Vector512.Create(low)) & Vector512.LessThan(x, Vector512.Create(high)) & dy;
    }

    private readonly struct HardswishOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            var shifted = x + Vector512.Create(3f);
            var raised = Vector512.ConditionalSelect(Vector512.LessThan(shifted, Vector512<float>.Zero), Vector512<float>.Zero, shifted);
            var gate = Vector512.ConditionalSelect(Vector512.GreaterThan(raised, Vector512.Create(6f)), Vector512.Create(6f), raised);
            return x * gate * Vector512.Create(1f / 6f);
        }
    }

    private readonly struct HardswishGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var inner = dy * (x * Vector512.Create(1f / 3f) + Vector512.Create(0.5f));
            var upper = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(x, Vector512.Create(3f)), inner, dy);
            return Vector512.AndNot(upper, Vector512.LessThan(x, Vector512.Create(-3f)));
        }
    }
}
