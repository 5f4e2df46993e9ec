using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// [batch, channels] inputs: channels stand side by side in the lanes, each a chain over the batch in order.
public static unsafe partial class BatchNorm
{
    private static void StatisticsOfColumns(int batch, int channels, ReadOnlySpan<float> x, Span<float> mean, Span<float> variance)
    {
        var count = Vector512.Create((float)batch);
        fixed (float* px = x, pm = mean, pv = variance)
        {
            for (var c = 0; c < channels; c += Lanes.Count)
            {
                var n = Math.Min(Lanes.Count, channels - c);
                var sum = Vector512<float>.Zero;
                for (nint b = 0; b < batch; b++)
                    sum += Lanes.LoadUpTo(px + b * channels + c, n);
                var center = sum / count;
                var squares = Vector512<float>.Zero;
                for (nint b = 0; b < batch; b++)
                {
                    var difference = Lanes.LoadUpTo(px + b * channels + c, n) - center;
                    squares += difference * difference;
                }
                Lanes.StoreUpTo(center, pm + c, n);
                Lanes.StoreUpTo(squares / count, pv + c, n);
            }
        }
    }

    private static void NormalizeColumns(
        int batch, int channels, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y)
    {
        fixed (float* px = x, pm = mean, pr = rstd, pw = weight, pb = bias, py = y)
        {
            for (var c = 0; c < channels; c += Lanes.Count)
            {
                var n = Math.Min(Lanes.Count, channels - c);
                var center = Lanes.LoadUpTo(pm + c, n);
                var scale = Lanes.LoadUpTo(pr + c, n);
                var w = pw == null ? Vector512<float>.One : Lanes.LoadUpTo(pw + c, n);
                var offset = pb == null ? Vector512<float>.Zero : Lanes.LoadUpTo(pb + c, n);
                for (nint b = 0; b < batch; b++)
                    Lanes.StoreUpTo((Lanes.LoadUpTo(px + b * channels + c, n) - center) * scale * w + offset, py + b * channels + c, n);
            }
        }
    }

    private static void BackwardColumns(
        int batch, int channels, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd, ReadOnlySpan<float> weight, bool training,
        Span<float> dx, Span<float> dWeight, Span<float> dBias, bool accumulate)
    {
        var count = Vector512.Create((float)batch);
        fixed (float* pg = dy, px = x, pm = mean, pr = rstd, pw = weight, pd = dx, pdw = dWeight, pdb = dBias)
        {
            for (var c = 0; c < channels; c += Lanes.Count)
            {
                var n = Math.Min(Lanes.Count, channels - c);
                var center = Lanes.LoadUpTo(pm + c, n);
                var scale = Lanes.LoadUpTo(pr + c, n);
                var w = pw == null ? Vector512<float>.One : Lanes.LoadUpTo(pw + c, n);
                var sum = Vector512<float>.Zero;
                var projected = Vector512<float>.Zero;
                for (nint b = 0; b < batch; b++)
                {
                    var g = Lanes.LoadUpTo(pg + b * channels + c, n);
                    sum += g;
                    projected += g * ((Lanes.LoadUpTo(px + b * channels + c, n) - center) * scale);
                }
                Lanes.StoreUpTo(sum, pdb + c, n);
                Lanes.StoreUpTo(projected, pdw + c, n);
                var meanGradient = training ? sum / count * w : Vector512<float>.Zero;
                var meanProjected = training ? projected / count * w : Vector512<float>.Zero;
                for (nint b = 0; b < batch && pd != null; b++)
                {
                    var at = b * channels + c;
                    var normalized = (Lanes.LoadUpTo(px + at, n) - center) * scale;
                    var gradient = scale * (Lanes.LoadUpTo(pg + at, n) * w - meanGradient - normalized * meanProjected);
                    Lanes.StoreUpTo(accumulate ? Lanes.LoadUpTo(pd + at, n) + gradient : gradient, pd + at, n);
                }
            }
        }
    }
}
