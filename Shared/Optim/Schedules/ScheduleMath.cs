using System.Runtime.Intrinsics;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Mathematics of schedules, without the C runtime: every machine finds the same bits.</summary>
internal static class ScheduleMath
{
    /// <summary>cos(π · turns).</summary>
    public static double CosPi(double turns) => DoubleFormulas.Sin(Vector512.Create(Math.PI * turns), 1).ToScalar();

    /// <summary>x to a power, for x of 0 or more.</summary>
    public static double Pow(double x, double power)
    {
        if (power == Math.Floor(power) && power >= 0) return OptimizerKernels.Power(x, (long)power);
        return x == 0 ? 0 : DoubleFormulas.Exp(DoubleFormulas.Log(Vector512.Create(x)) * power).ToScalar();
    }

    /// <summary>From <paramref name="from"/> at 0 to <paramref name="to"/> at 1 along half a cosine.</summary>
    public static double CosineBetween(double from, double to, double share) => to + (from - to) / 2 * (CosPi(share) + 1);
}
