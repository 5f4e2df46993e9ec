using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Smooth gates: x times something between 0 and 1. Their gradients take the input of the forward pass.
public static partial class VectorMath
{
    /// <summary>y = x·Φ(x), Φ the normal distribution function (<see href="https://arxiv.org/abs/1606.08415">Hendrycks, Gimpel 2016</see>).</summary>
    public static void Gelu(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(GeluOperator), x, y);

    /// <summary>dx = dy·(Φ(x) + x·φ(x)).</summary>
    public static void GeluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(GeluGradient), dy, x, dx, accumulate);

    /// <summary>y = x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, the approximation that GPT-2 uses.</summary>
    public static void GeluTanh(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(GeluTanhOperator), x, y);

    /// <summary>dx = dy times the derivative of <see cref="GeluTanh"/>.</summary>
    public static void GeluTanhBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(GeluTanhGradient), dy, x, dx, accumulate);

    /// <summary>y = x·sigmoid(x).</summary>
    public static void Silu(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(SiluOperator), x, y);

    /// <summary>dx = dy·s·(1 + x·(1 − s)), s = sigmoid(x).</summary>
    public static void SiluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SiluGradient), dy, x, dx, accumulate);

    /// <summary>y = x·tanh(softplus(x)).</summary>
    public static void Mish(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(MishOperator), x, y);

    /// <summary>dx = dy·(t + x·(1 − t²)·sigmoid(x)), t = tanh(softplus(x)).</summary>
    public static void MishBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(MishGradient), dy, x, dx, accumulate);

    // √(2/π)·(x + 0.044715·x³)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> GeluInner(Vector512<float> x)
        => x * Lanes.MultiplyAdd(x * x, Vector512.Create(0.7978845608f * 0.044715f), Vector512.Create(0.7978845608f));

    // tanh(ln(1 + e)) = (e² + 2e)/(e² + 2e + 2) with e = e^x; 1 to the last bit from 20 on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> MishGate(Vector512<float> x)
    {
        var e = Formulas.Exp(Vector512.MinNative(Vector512.Create(20f), x));
        var n = e * (e + Vector512.Create(2f));
        return n / (n + Vector512.Create(2f));
    }

    private readonly struct GeluOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => x * Formulas.NormalDistribution(x, out _);
    }

    private readonly struct GeluGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var distribution = Formulas.NormalDistribution(x, out var bell);
            return dy * Lanes.MultiplyAdd(x * Vector512.Create(0.39894228f), bell, distribution);
        }
    }

    private readonly struct GeluTanhOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x)
        {
            var half = x * Vector512.Create(0.5f);
            return Lanes.MultiplyAdd(half, Formulas.Tanh(GeluInner(x)), half);
        }
    }

    private readonly struct GeluTanhGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var tanh = Formulas.Tanh(GeluInner(x));
            var slope = Lanes.MultiplyAdd(x * x, Vector512.Create(0.7978845608f * 0.044715f * 3f), Vector512.Create(0.7978845608f));
            var sech = Vector512<float>.One - tanh * tanh;
            var half = Vector512.Create(0.5f);
            return dy * Lanes.MultiplyAdd(half * x * sech, slope, half * tanh + half);
        }
    }

    private readonly struct SiluOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => x * Formulas.Sigmoid(x);
    }

    private readonly struct SiluGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var gate = Formulas.Sigmoid(x);
            return dy * (gate * Lanes.MultiplyAdd(x, Vector512<float>.One - gate, Vector512<float>.One));
        }
    }

    private readonly struct MishOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => x * MishGate(x);
    }

    private readonly struct MishGradient : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            var gate = MishGate(x);
            return dy * Lanes.MultiplyAdd(x * (Vector512<float>.One - gate * gate), Formulas.Sigmoid(x), gate);
        }
    }
}
