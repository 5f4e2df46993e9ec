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
            var e = Formulas.Exp(Load(x + k * inner, count) - max);
            sum += e;
            if (!log)
                Store(e, y + k * inner, count);
        }
        if (log)
        {
            var normalizer = max + Formulas.Log(sum);
            for (nint k = 0; k < n; k++)
                Store(Load(x + k * inner, count) - normalizer, y + k * inner, count);
            return;
        }
        var scale = Vector512<float>.One / sum;
        for (nint k = 0; k < n; k++)
            Store(Load(y + k * inner, count) * scale, y + k * inner, count);
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
                sum += Formulas.Exp(Load(x + i + k * inner, count) - shift);
            Store(shift + Formulas.Log(sum), y + i, count);
        }
    }

    private static Vector512<float> ColumnMax(int n, int inner, float* x, int count)
    {
        var max = Vector512.Create(float.NegativeInfinity);
        for (nint k = 0; k < n; k++)
            max = Vector512.Max(max, Load(x + k * inner, count));
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
                    sum += rule.Term(Load(dy + start + k * inner, count), Load(y + start + k * inner, count));
                for (nint k = 0; k < n; k++)
                {
                    var at = start + k * inner;
                    var gradient = rule.Gradient(Load(dy + at, count), Load(y + at, count), sum);
                    Store(accumulate ? Load(dx + at, count) + gradient : gradient, dx + at, count);
                }
            }
        }
    }

    private static Vector512<float> Load(float* source, int count) => count == Lanes.Count ? Lanes.Load(source) : Lanes.Load(source, count);

    private static void Store(Vector512<float> value, float* destination, int count)
    {
        if (count == Lanes.Count)
            value.Store(destination);
        else
            Lanes.Store(value, destination, count);
    }
}
