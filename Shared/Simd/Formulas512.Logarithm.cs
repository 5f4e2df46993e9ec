using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

internal static partial class Formulas512
{
    /// <summary>ln x: −infinity at zero, NaN below, subnormals in full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Log(Vector512<float> x)
    {
        var zero = Vector512<float>.Zero;
        var subnormal = Vector512.LessThan(x, Vector512.Create(1.17549435e-38f));
        var normal = Vector512.ConditionalSelect(subnormal, x * Vector512.Create(8388608f), x);
        var bits = normal.AsInt32();

        // x = 2^k·m with m in [√½, √2).
        var k = (bits - Vector512.Create(0x3f3504f3)) >> 23;
        var f = (bits - (k << 23)).AsSingle() - Vector512<float>.One;
        var exponent = Vector512.ConvertToSingle(k) - (subnormal & Vector512.Create(23f));
        var result = LogOfOnePlus(f, exponent);

        result = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512.Create(float.PositiveInfinity)), x, result);
        var notPositive = Vector512.ConditionalSelect(Vector512.Equals(x, zero), Vector512.Create(float.NegativeInfinity), Vector512.Create(float.NaN));
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, zero), result, notPositive);
    }

    /// <summary>ln(1 + u) for u ≥ 0, small u in full precision: the rounding of 1 + u is put back to first order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> LogOnePlusPositive(Vector512<float> u)
    {
        var w = Vector512<float>.One + u;
        var lost = u - (w - Vector512<float>.One);
        var correction = Vector512.ConditionalSelect(Vector512.Equals(w, Vector512.Create(float.PositiveInfinity)), Vector512<float>.Zero, lost / w);
        return Log(w) + correction;
    }

    // ln(1 + f) + k·ln 2 for f in [√½ − 1, √2 − 1): minimax of degree 8 for the terms from f³ on (coefficients of Cephes' logf, S. Moshier).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LogOfOnePlus(Vector512<float> f, Vector512<float> k)
    {
        var p = Vector512.Create(7.0376836292e-2f);
        p = p * f + Vector512.Create(-1.1514610310e-1f);
        p = p * f + Vector512.Create(1.1676998740e-1f);
        p = p * f + Vector512.Create(-1.2420140846e-1f);
        p = p * f + Vector512.Create(1.4249322787e-1f);
        p = p * f + Vector512.Create(-1.6668057665e-1f);
        p = p * f + Vector512.Create(2.0000714765e-1f);
        p = p * f + Vector512.Create(-2.4999993993e-1f);
        p = p * f + Vector512.Create(3.3333331174e-1f);
        var square = f * f;
        var tail = k * Vector512.Create(-2.12194440e-4f) + p * f * square;
        tail = square * Vector512.Create(-0.5f) + tail;

        // 0.693359375 has nine significant bits, so that k times it is exact.
        return k * Vector512.Create(0.693359375f) + (f + tail);
    }
}
