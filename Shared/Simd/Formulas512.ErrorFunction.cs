using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

internal static partial class Formulas512
{
    /// <summary>erf x: an odd polynomial up to 0.93, beyond it 1 − e^p(|x|); both are N. Juffa's minimax fits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Erf(Vector512<float> x)
    {
        var t = Vector512.Abs(x);
        var s = x * x;

        // erf is 1 to the last bit from 3.92 on; the clamp keeps the polynomial from turning back up.
        var far = Vector512.MinNative(Vector512.Create(4f), t);
        var farSquare = far * far;
        var r = Vector512.Create(-1.72853470e-5f) * far + Vector512.Create(3.83197126e-4f);
        var u = Vector512.Create(-3.88396438e-3f) * far + Vector512.Create(2.42546219e-2f);
        r = r * farSquare + u;
        r = r * far + Vector512.Create(-1.06777877e-1f);
        r = r * far + Vector512.Create(-6.34846687e-1f);
        r = r * far + Vector512.Create(-1.28717512e-1f);
        r = r * far - far;
        var large = CopySign(Vector512<float>.One - Exp(r), x);

        var p = Vector512.Create(-5.96761703e-4f);
        p = p * s + Vector512.Create(4.99119423e-3f);
        p = p * s + Vector512.Create(-2.67681349e-2f);
        p = p * s + Vector512.Create(1.12819925e-1f);
        p = p * s + Vector512.Create(-3.76125336e-1f);
        p = p * s + Vector512.Create(1.28379166e-1f);
        var small = p * x + x;
        return Vector512.ConditionalSelect(Vector512.GreaterThan(t, Vector512.Create(0.927734375f)), large, small);
    }

    /// <summary>
    /// Φ(x), the normal distribution function, and e^(−x²/2), which its density is made of: Φ(−|x|) = u·Q(2u − 1)·e^(−x²/2) with u = 1/(1 + 0.35·|x|) and Q a
    /// minimax polynomial of degree 8 (relative error 3.2e−8, fitted by Remez' exchange for |x| up to 14, where the exponential has vanished). One exponential
    /// and one division serve the function and its derivative, and the lower tail keeps its relative precision.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> NormalDistribution(Vector512<float> x, out Vector512<float> bell)
    {
        bell = Exp(x * x * Vector512.Create(-0.5f));
        var u = Vector512<float>.One / (Vector512.Abs(x) * Vector512.Create(0.35f) + Vector512<float>.One);
        var v = u + u - Vector512<float>.One;
        var v2 = v * v;
        var v4 = v2 * v2;
        var q0 = v * Vector512.Create(0.1714958045f) + Vector512.Create(0.2532442767f);
        var q2 = v * Vector512.Create(0.01023385098f) + Vector512.Create(0.0710989475f);
        var q4 = v * Vector512.Create(-0.001754333529f) + Vector512.Create(-0.005108759482f);
        var q6 = v * Vector512.Create(0.0002139675948f) + Vector512.Create(0.0006900802481f);
        var low = q2 * v2 + q0;
        var high = q6 * v2 + q4;
        var q = (Vector512.Create(-0.0001138505163f) * v4 + high) * v4 + low;
        var tail = u * q * bell;
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }
}
