using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>(x − t)².</summary>
internal readonly struct SquaredError : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t) => (x - t) * (x - t);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => (x - t) + (x - t);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => -Slope(x, t);
}

/// <summary>|x − t|; its slope at 0 is 0.</summary>
internal readonly struct AbsoluteError : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t) => Vector512.Abs(x - t);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => Clipped.Slope(x - t, 0f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => -Slope(x, t);
}

/// <summary>½·d² for d = |x − t| up to δ, then δ·(d − ½·δ).</summary>
internal readonly struct HuberError(float delta) : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t)
    {
        var d = Vector512.Abs(x - t);
        var far = Vector512.Create(delta) * (d - Vector512.Create(0.5f * delta));
        return Vector512.ConditionalSelect(Vector512.LessThanOrEqual(d, Vector512.Create(delta)), Vector512.Create(0.5f) * d * d, far);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t)
    {
        var bound = Vector512.Create(delta);
        return Vector512.Min(Vector512.Max(x - t, -bound), bound);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => -Slope(x, t);
}

/// <summary>½·d²/β for d = |x − t| below β, then d − ½·β; with β = 0 the absolute error.</summary>
internal readonly struct SmoothAbsoluteError(float beta) : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t)
    {
        var d = Vector512.Abs(x - t);
        var near = Vector512.Create(0.5f) * d * d / Vector512.Create(beta);
        return Vector512.ConditionalSelect(Vector512.LessThan(d, Vector512.Create(beta)), near, d - Vector512.Create(0.5f * beta));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => Clipped.Slope(x - t, beta);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => -Slope(x, t);
}

/// <summary>Binary cross-entropy of a logit x: max(x, 0) − x·t + ln(1 + e^−|x|), which overflows nowhere.</summary>
internal readonly struct LogitsCrossEntropy : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t)
        => Vector512.Max(x, Vector512<float>.Zero) - x * t + Formulas.LogOnePlusPositive(Formulas.Exp(-Vector512.Abs(x)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => Formulas.Sigmoid(x) - t;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => -x;
}

/// <summary>Binary cross-entropy of a probability x; logarithms are held at −100 or above, as PyTorch's.</summary>
internal readonly struct ProbabilityCrossEntropy : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t)
        => -(t * BoundedLog(x) + (Vector512<float>.One - t) * BoundedLog(Vector512<float>.One - x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t)
        => (x - t) / Vector512.Max((Vector512<float>.One - x) * x, Vector512.Create(1e-12f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => BoundedLog(Vector512<float>.One - x) - BoundedLog(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> BoundedLog(Vector512<float> x) => Vector512.Max(Formulas.Log(x), Vector512.Create(-100f));
}

/// <summary>Kullback-Leibler divergence t·(ln t − x) of log-probabilities x; 0 where t is 0.</summary>
internal readonly struct Divergence : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t) => Vector512.AndNot(t * (Formulas.Log(t) - x), Vector512.Equals(t, Vector512<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => -t;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => Formulas.Log(t) + Vector512<float>.One - x;
}

/// <summary>Kullback-Leibler divergence e^t·(t − x) of log-probabilities x and t.</summary>
internal readonly struct LogDivergence : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Value(Vector512<float> x, Vector512<float> t) => Formulas.Exp(t) * (t - x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Slope(Vector512<float> x, Vector512<float> t) => -Formulas.Exp(t);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> TargetSlope(Vector512<float> x, Vector512<float> t) => Formulas.Exp(t) * (t - x + Vector512<float>.One);
}

/// <summary>The slope that two of the losses share.</summary>
internal static class Clipped
{
    /// <summary>d/β where |d| is below β, else the sign of d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Slope(Vector512<float> d, float beta)
    {
        var sign = (Vector512.GreaterThan(d, Vector512<float>.Zero) & Vector512<float>.One) - (Vector512.LessThan(d, Vector512<float>.Zero) & Vector512<float>.One);
        return Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(d), Vector512.Create(beta)), d / Vector512.Create(beta), sign);
    }
}
