using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

internal static partial class Formulas
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
        var r = Lanes.MultiplyAdd(Vector512.Create(-1.72853470e-5f), far, Vector512.Create(3.83197126e-4f));
        var u = Lanes.MultiplyAdd(Vector512.Create(-3.88396438e-3f), far, Vector512.Create(2.42546219e-2f));
        r = Lanes.MultiplyAdd(r, farSquare, u);
        r = Lanes.MultiplyAdd(r, far, Vector512.Create(-1.06777877e-1f));
        r = Lanes.MultiplyAdd(r, far, Vector512.Create(-6.34846687e-1f));
        r = Lanes.MultiplyAdd(r, far, Vector512.Create(-1.28717512e-1f));
        r = Lanes.MultiplyAdd(r, far, -far);
        var large = CopySign(Vector512<float>.One - Exp(r), x);

        var p = Vector512.Create(-5.96761703e-4f);
        p = Lanes.MultiplyAdd(p, s, Vector512.Create(4.99119423e-3f));
        p = Lanes.MultiplyAdd(p, s, Vector512.Create(-2.67681349e-2f));
        p = Lanes.MultiplyAdd(p, s, Vector512.Create(1.12819925e-1f));
        p = Lanes.MultiplyAdd(p, s, Vector512.Create(-3.76125336e-1f));
        p = Lanes.MultiplyAdd(p, s, Vector512.Create(1.28379166e-1f));
        var small = Lanes.MultiplyAdd(p, x, x);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(t, Vector512.Create(0.927734375f)), large, small);
    }
}
