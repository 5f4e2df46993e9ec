using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// The functions that are computed in double and rounded once to float: within 0.51 ulp, and without FMA, so that their bits are the same at every level.
/// For kernels where time does not matter as much (sin, cos, pow, normal random numbers).
/// </summary>
internal static class DoubleFormulas
{
    // π/2 in three parts; the first two have 33 bits, so that j times them is exact for |j| < 2^20.
    private const double HalfPiHigh = 1.5707963267341256;
    private const double HalfPiMiddle = 6.077100506303966e-11;
    private const double HalfPiLow = 2.0222662487959506e-21;
    private const double TwoOverPi = 0.6366197723675814;

    // 1.5·2^52: adding it rounds to an integer, which then stands in the low bits of the sum.
    private const double RoundingShift = 6755399441055744.0;

    /// <summary>A float operation whose lanes are computed as two halves in double.</summary>
    internal interface IOperator
    {
        /// <summary>f of eight lanes.</summary>
        Vector512<double> Invoke(Vector512<double> x);
    }

    /// <summary>f of sixteen floats through double, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Apply<TOperator>(TOperator f, Vector512<float> x)
        where TOperator : struct, IOperator
        => Vector512.Narrow(f.Invoke(Vector512.WidenLower(x)), f.Invoke(Vector512.WidenUpper(x)));

    /// <summary>ln x for positive normal x below infinity: 2·artanh((m − 1)/(m + 1)) + k·ln 2, relative error below 1e−13.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<double> Log(Vector512<double> x)
    {
        var bits = x.AsInt64();
        var k = (bits - Vector512.Create(0x3FE6A09E667F3BCDL)) >> 52;
        var m = (bits - (k << 52)).AsDouble();
        var s = (m - Vector512<double>.One) / (m + Vector512<double>.One);
        var z = s * s;
        var p = Vector512.Create(1.0 / 17);
        p = p * z + Vector512.Create(1.0 / 15);
        p = p * z + Vector512.Create(1.0 / 13);
        p = p * z + Vector512.Create(1.0 / 11);
        p = p * z + Vector512.Create(1.0 / 9);
        p = p * z + Vector512.Create(1.0 / 7);
        p = p * z + Vector512.Create(1.0 / 5);
        p = p * z + Vector512.Create(1.0 / 3);
        var series = s + s * z * p;
        return Int64ToDouble(k) * Vector512.Create(0.6931471805599453) + (series + series);
    }

    /// <summary>e^x for any x (clamped to ±800, where float has long been infinite or zero); NaN kept. Relative error below 1e−14.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<double> Exp(Vector512<double> x)
    {
        var bounded = Vector512.MinNative(Vector512.Create(700.0), Vector512.MaxNative(Vector512.Create(-700.0), x));
        var shifted = bounded * Vector512.Create(1.4426950408889634) + Vector512.Create(RoundingShift);
        var k = shifted - Vector512.Create(RoundingShift);
        var r = bounded - k * Vector512.Create(0.6931471803691238) - k * Vector512.Create(1.9082149292705877e-10);
        var p = Vector512.Create(1.0 / 479001600);
        p = p * r + Vector512.Create(1.0 / 39916800);
        p = p * r + Vector512.Create(1.0 / 3628800);
        p = p * r + Vector512.Create(1.0 / 362880);
        p = p * r + Vector512.Create(1.0 / 40320);
        p = p * r + Vector512.Create(1.0 / 5040);
        p = p * r + Vector512.Create(1.0 / 720);
        p = p * r + Vector512.Create(1.0 / 120);
        p = p * r + Vector512.Create(1.0 / 24);
        p = p * r + Vector512.Create(1.0 / 6);
        p = p * r + Vector512.Create(0.5);
        p = p * r * r + r + Vector512<double>.One;
        var power = ((shifted.AsInt64() << 52) + Vector512.Create(0x3FF0000000000000L)).AsDouble();
        return p * power;
    }

    /// <summary>sin(x + quarterTurns·π/2) for |x| up to 2^20.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<double> Sin(Vector512<double> x, long quarterTurns)
    {
        var shifted = x * Vector512.Create(TwoOverPi) + Vector512.Create(RoundingShift);
        var j = shifted - Vector512.Create(RoundingShift);
        var r = x - j * Vector512.Create(HalfPiHigh) - j * Vector512.Create(HalfPiMiddle) - j * Vector512.Create(HalfPiLow);
        return SinReduced(r, shifted.AsInt64() + Vector512.Create(quarterTurns));
    }

    /// <summary>sin(r + quadrant·π/2) for |r| up to π/4; only the low two bits of the quadrant count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<double> SinReduced(Vector512<double> r, Vector512<long> quadrant)
    {
        var z = r * r;
        var sine = Vector512.Create(1.0 / 6227020800);
        sine = sine * z - Vector512.Create(1.0 / 39916800);
        sine = sine * z + Vector512.Create(1.0 / 362880);
        sine = sine * z - Vector512.Create(1.0 / 5040);
        sine = sine * z + Vector512.Create(1.0 / 120);
        sine = sine * z - Vector512.Create(1.0 / 6);
        sine = r + r * z * sine;
        var cosine = Vector512.Create(-1.0 / 87178291200);
        cosine = cosine * z + Vector512.Create(1.0 / 479001600);
        cosine = cosine * z - Vector512.Create(1.0 / 3628800);
        cosine = cosine * z + Vector512.Create(1.0 / 40320);
        cosine = cosine * z - Vector512.Create(1.0 / 720);
        cosine = cosine * z + Vector512.Create(1.0 / 24);
        cosine = cosine * z - Vector512.Create(0.5);
        cosine = cosine * z + Vector512<double>.One;
        var odd = Vector512.Equals(quadrant & Vector512<long>.One, Vector512<long>.One).AsDouble();
        var value = Vector512.ConditionalSelect(odd, cosine, sine);
        return (value.AsInt64() ^ ((quadrant & Vector512.Create(2L)) << 62)).AsDouble();
    }

    // Exact for |k| < 2^51, by the bits of 1.5·2^52 (there is no 64-bit conversion below AVX-512).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Int64ToDouble(Vector512<long> k)
        => (k + Vector512.Create(RoundingShift).AsInt64()).AsDouble() - Vector512.Create(RoundingShift);
}
