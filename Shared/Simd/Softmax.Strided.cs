using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// The axis is not the last: sixteen neighbours stand in the lanes, and each walks its own axis in order, four passes over a slab that fits the cache.
public static unsafe partial class Softmax
{
    private static void ForwardStrided(int outer, int n, int inner, float* x, float* y, bool log)
    {
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i += Lanes.Count)
            {
                var start = (nint)o * n * inner + i;
                ForwardColumns(n, inner, x + start, y + start, Math.Min(Lanes.Count, inner - i), log);
            }
        }
    }

    private static void ForwardColumns(int n, int inner, float* x, float* y, int count, bool log)
    {
        var max = ColumnMax(n, inner, x, count);
        var sum = Vector512<float>.Zero;
        for (nint k = 0; k < n; k++)
        {
            var e = Formulas.Exp(Lanes.LoadUpTo(x + k * inner, count) - max);
            sum += e;
            if (!log)
                Lanes.StoreUpTo(e, y + k * inner, count);
        }
        if (log)
        {
            var normalizer = max + Formulas.Log(sum);
            for (nint k = 0; k < n; k++)
                Lanes.StoreUpTo(Lanes.LoadUpTo(x + k * inner, count) - normalizer, y + k * inner, count);
            return;
        }
        var scale = Vector512<float>.One / sum;
        for (nint k = 0; k < n; k++)
            Lanes.StoreUpTo(Lanes.LoadUpTo(y + k * inner, count) * scale, y + k * inner, count);
    }

    private static void LogSumExpStrided(int n, int inner, float* x, float* y)
    {
        var infinity = Vector512.Create(float.PositiveInfinity);
        for (var i = 0; i < inner; i += Lanes.Count)
        {
            var count = Math.Min(Lanes.Count, inner - i);
            var max = ColumnMax(n, inner, x + i, count);
            var shift = Vector512.AndNot(max, Vector512.Equals(Vector512.Abs(max), infinity));
            var sum = Vector512<float>.Zero;
            for (nint k = 0; k < n; k++)
                sum += Formulas.Exp(Lanes.LoadUpTo(x + i + k * inner, count) - shift);
            Lanes.StoreUpTo(shift + Formulas.Log(sum), y + i, count);
        }
    }

    private static Vector512<float> ColumnMax(int n, int inner, float* x, int count)
    {
        var max = Vector512.Create(float.NegativeInfinity);
        for (nint k = 0; k < n; k++)
            max = Vector512.Max(max, Lanes.LoadUpTo(x + k * inner, count));
        return max;
    }

    private static void BackwardStrided<TGradient>(TGradient rule, int outer, int n, int inner, float* dy, float* y, float* dx, bool accumulate)
        where TGradient : struct, IGradient
    {
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i += Lanes.Count)
            {
                var start = (nint)o * n * inner + i;
                var count = Math.Min(Lanes.Count, inner - i);
                var sum = Vector512<float>.Zero;
                for (nint k = 0; k < n; k++)
                    sum += rule.Term(Lanes.LoadUpTo(dy + start + k * inner, count), Lanes.LoadUpTo(y + start + k * inner, count));
                for (nint k = 0; k < n; k++)
                {
                    var at = start + k * inner;
                    var gradient = rule.Gradient(Lanes.LoadUpTo(dy + at, count), Lanes.LoadUpTo(y + at, count), sum);
                    Lanes.StoreUpTo(accumulate ? Lanes.LoadUpTo(dx + at, count) + gradient : gradient, dx + at, count);
                }
            }
        }
    }
}
