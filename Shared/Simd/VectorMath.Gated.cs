using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Smooth gates: x times something between 0 and 1. Their gradients take the input of the forward pass.
public static unsafe partial class VectorMath
{
    /// <summary>y = x·Φ(x), Φ the normal distribution function (<see href="https://arxiv.org/abs/1606.08415">Hendrycks, Gimpel 2016</see>).</summary>
    public static void Gelu(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ValueOf<GeluGate>), x, y);

    /// <summary>dx = dy·(Φ(x) + x·φ(x)).</summary>
    public static void GeluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SlopeOf<GeluGate>), dy, x, dx, accumulate);

    /// <summary><see cref="Gelu"/> and its derivative at x in one pass, so that the backward pass is a product: the bits of both kernels.</summary>
    public static void GeluWithSlope(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => WithSlope(default(GeluGate), x, y, slope);

    /// <summary>y = x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, the approximation that GPT-2 uses.</summary>
    public static void GeluTanh(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ValueOf<GeluTanhGate>), x, y);

    /// <summary>dx = dy times the derivative of <see cref="GeluTanh"/>.</summary>
    public static void GeluTanhBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SlopeOf<GeluTanhGate>), dy, x, dx, accumulate);

    /// <summary><see cref="GeluTanh"/> and its derivative at x in one pass, so that the backward pass is a product: the bits of both kernels.</summary>
    public static void GeluTanhWithSlope(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => WithSlope(default(GeluTanhGate), x, y, slope);

    /// <summary>y = x·sigmoid(x).</summary>
    public static void Silu(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ValueOf<SiluGate>), x, y);

    /// <summary>dx = dy·s·(1 + x·(1 − s)), s = sigmoid(x).</summary>
    public static void SiluBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SlopeOf<SiluGate>), dy, x, dx, accumulate);

    /// <summary><see cref="Silu"/> and its derivative at x in one pass, so that the backward pass is a product: the bits of both kernels.</summary>
    public static void SiluWithSlope(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => WithSlope(default(SiluGate), x, y, slope);

    /// <summary>y = x·tanh(softplus(x)).</summary>
    public static void Mish(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(default(ValueOf<MishGate>), x, y);

    /// <summary>dx = dy·(t + x·(1 − t²)·sigmoid(x)), t = tanh(softplus(x)).</summary>
    public static void MishBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(default(SlopeOf<MishGate>), dy, x, dx, accumulate);

    /// <summary><see cref="Mish"/> and its derivative at x in one pass, so that the backward pass is a product: the bits of both kernels.</summary>
    public static void MishWithSlope(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => WithSlope(default(MishGate), x, y, slope);

    // √(2/π)·(x + 0.044715·x³)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> GeluInner(Vector512<float> x)
        => x * Lanes.MultiplyAdd(x * x, Vector512.Create(0.7978845608f * 0.044715f), Vector512.Create(0.7978845608f));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WithSlope<TGate>(TGate gate, ReadOnlySpan<float> x, Span<float> y, Span<float> slope)
        where TGate : struct, IGate
    {
        Lanes.RequireLength<TGate>(nameof(y), y.Length, x.Length);
        Lanes.RequireLength<TGate>(nameof(slope), slope.Length, x.Length);
        fixed (float* px = x, py = y, ps = slope)
        {
            for (var i = 0; i < x.Length; i += Lanes.Count)
            {
                var count = Math.Min(Lanes.Count, x.Length - i);
                var value = gate.Invoke(Lanes.LoadUpTo(px + i, count), out var derivative);
                Lanes.StoreUpTo(value, py + i, count);
                Lanes.StoreUpTo(derivative, ps + i, count);
            }
        }
    }

    /// <summary>A function and its derivative, which share most of their work; what is not asked for is not computed.</summary>
    private interface IGate
    {
        /// <summary>f(x), and f′(x).</summary>
        Vector512<float> Invoke(Vector512<float> x, out Vector512<float> slope);
    }

    private readonly struct ValueOf<TGate> : IUnaryOperator
        where TGate : struct, IGate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => default(TGate).Invoke(x, out _);
    }

    private readonly struct SlopeOf<TGate> : IBinaryOperator
        where TGate : struct, IGate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            default(TGate).Invoke(x, out var slope);
            return dy * slope;
        }
    }

    private readonly struct GeluGate : IGate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, out Vector512<float> slope)
        {
            var distribution = Formulas.NormalDistribution(x, out var bell);
            slope = Lanes.MultiplyAdd(x * Vector512.Create(0.39894228f), bell, distribution);
            return x * distribution;
        }
    }

    private readonly struct GeluTanhGate : IGate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, out Vector512<float> slope)
        {
            var half = x * Vector512.Create(0.5f);
            var tanh = Formulas.Tanh(GeluInner(x));
            var inner = Lanes.MultiplyAdd(x * x, Vector512.Create(0.7978845608f * 0.044715f * 3f), Vector512.Create(0.7978845608f));
            var sech = Vector512<float>.One - tanh * tanh;
            slope = Lanes.MultiplyAdd(half * sech, inner, Lanes.MultiplyAdd(tanh, Vector512.Create(0.5f), Vector512.Create(0.5f)));
            return Lanes.MultiplyAdd(half, tanh, half);
        }
    }

    private readonly struct SiluGate : IGate
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, out Vector512<float> slope)
        {
            var gate = Formulas.Sigmoid(x);
            slope = gate * Lanes.MultiplyAdd(x, Vector512<float>.One - gate, Vector512<float>.One);
            return x * gate;
        }
    }

    private readonly struct MishGate : IGate
    {
        // tanh(ln(1 + e)) = (e² + 2e)/(e² + 2e + 2) with e = e^x; 1 to the last bit from 20 on. e/(1 + e) is the sigmoid there.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, out Vector512<float> slope)
        {
            var e = Formulas.Exp(Vector512.MinNative(Vector512.Create(20f), x));
            var n = e * (e + Vector512.Create(2f));
            var gate = n / (n + Vector512.Create(2f));
            slope = Lanes.MultiplyAdd(x * (Vector512<float>.One - gate * gate), e / (Vector512<float>.One + e), gate);
            return x * gate;
        }
    }
}
