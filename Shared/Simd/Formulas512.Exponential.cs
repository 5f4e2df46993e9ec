using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// The mathematical functions on sixteen lanes: exponential family here, logarithms and erf in the files beside it; the errors that tests hold them to stand in
/// docs/numerics.md. The build makes copies of these files for 256 and 128 bits by replacing those numbers (Shared.csproj): the JIT's own emulation of 512 bits
/// stops inlining in expressions as long as these. Call them through <see cref="Formulas"/>, which chooses the width.
/// </summary>
internal static partial class Formulas512
{
    private const float Log2E = 1.44269504f;

    // ln 2 in two parts; the first has 15 trailing zero bits, so that k·high is exact for every |k| < 256 with or without FMA.
    private const float Ln2High = 0.693145752f;
    private const float Ln2Low = 1.42860677e-6f;

    // 1.5·2^23: adding it rounds a float below 2^22 to an integer, which then stands in the low bits of the sum.
    private const float RoundingShift = 12582912f;

    /// <summary>e^x: overflow to infinity, gradual underflow, NaN kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        // Beyond these the result is infinity and zero. The native forms return their second operand for NaN, which keeps it.
        var bounded = Vector512.MinNative(Vector512.Create(100f), Vector512.MaxNative(Vector512.Create(-110f), x));
        var p = ExpMinusOneReduced(bounded, out var shifted);
        return PowerOfTwo.Scale(p + Vector512<float>.One, shifted - Vector512.Create(RoundingShift));
    }

    /// <summary>e^x − 1 for x in [−30, 60] (callers clamp), without cancellation near zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> ExpMinusOneBounded(Vector512<float> x)
    {
        var p = ExpMinusOneReduced(x, out var shifted);
        var power = ((shifted.AsInt32() << 23) + Vector512.Create(0x3f800000)).AsSingle();
        return power * p + (power - Vector512<float>.One);
    }

    /// <summary>e^x − 1 for x ≤ 0; NaN kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> ExpMinusOneNegative(Vector512<float> x)
        => ExpMinusOneBounded(Vector512.MaxNative(Vector512.Create(-30f), x));

    /// <summary>tanh x: an odd polynomial up to 0.625, then (e^2|x| − 1)/(e^2|x| + 1) with the sign of x; 1 from 10 on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Tanh(Vector512<float> x)
    {
        var magnitude = Vector512.MinNative(Vector512.Create(10f), Vector512.Abs(x));
        var e = ExpMinusOneBounded(magnitude + magnitude);
        var large = e / (e + Vector512.Create(2f));

        // Coefficients of Cephes' tanhf (S. Moshier).
        var square = x * x;
        var p = Vector512.Create(-5.70498872745e-3f);
        p = p * square + Vector512.Create(2.06390887954e-2f);
        p = p * square + Vector512.Create(-5.37397155531e-2f);
        p = p * square + Vector512.Create(1.33314422036e-1f);
        p = p * square + Vector512.Create(-3.33332819422e-1f);
        var small = p * square * magnitude + magnitude;
        return CopySign(Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(0.625f)), small, large), x);
    }

    /// <summary>1 / (1 + e^−x), accurate on both sides: for x &lt; 0 it is e^x / (1 + e^x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Sigmoid(Vector512<float> x)
    {
        var e = Exp(-Vector512.Abs(x));
        var numerator = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), e, Vector512<float>.One);
        return numerator / (Vector512<float>.One + e);
    }

    /// <summary>The magnitude of the first argument with the sign of the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign)
        => Vector512.ConditionalSelect(Vector512.Create(-0f), sign, magnitude);

    // e^r − 1 with x = k·ln 2 + r, |r| ≤ ln 2 / 2; k stands in the low bits of `shifted`. Degree 7, error below 0.2 ulp of e^r.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ExpMinusOneReduced(Vector512<float> x, out Vector512<float> shifted)
    {
        shifted = x * Vector512.Create(Log2E) + Vector512.Create(RoundingShift);
        var k = shifted - Vector512.Create(RoundingShift);
        var r = k * Vector512.Create(-Ln2High) + x;
        r = k * Vector512.Create(-Ln2Low) + r;

        // Estrin's scheme: the chain of operations, not their number, is what this waits for.
        var square = r * r;
        var high = r * Vector512.Create(1.98527613e-4f) + Vector512.Create(1.39304355e-3f);
        var middle = r * Vector512.Create(8.33336078e-3f) + Vector512.Create(4.16664854e-2f);
        var low = r * Vector512.Create(1.66666672e-1f) + Vector512.Create(0.5f);
        var p = (high * square + middle) * square + low;
        return p * square + r;
    }
}
