namespace DistTrain.Simd;

/// <summary>
/// Batch normalization of [batch, channels, inner] tensors, inner 1 for [batch, channels] (<see href="https://arxiv.org/abs/1502.03167">Ioffe, Szegedy 2015</see>), in
/// parts: statistics, their root, the affine map, and the gradients with the batch's or with fixed statistics.
/// </summary>
public static unsafe partial class BatchNorm
{
    /// <summary>Each channel's mean and biased variance, in two passes.</summary>
    /// <param name="batch">Samples.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="inner">Elements of a channel in one sample.</param>
    /// <param name="x">[batch, channels, inner].</param>
    /// <param name="mean">[channels] out.</param>
    /// <param name="variance">[channels] out.</param>
    public static void Statistics(int batch, int channels, int inner, ReadOnlySpan<float> x, Span<float> mean, Span<float> variance)
    {
        Require(batch, channels, inner, x.Length, mean.Length, variance.Length);
        if (inner == 1)
        {
            StatisticsOfColumns(batch, channels, x, mean, variance);
            return;
        }
        var count = (double)batch * inner;
        fixed (float* px = x)
        {
            for (var c = 0; c < channels; c++)
            {
                double sum = 0;
                for (var b = 0; b < batch; b++)
                {
                    var run = px + ((nint)b * channels + c) * inner;
                    sum += Reduce.Sum(new Reduce.Identity(), run, run, inner);
                }
                var center = (float)(sum / count);
                double squares = 0;
                for (var b = 0; b < batch; b++)
                {
                    var run = px + ((nint)b * channels + c) * inner;
                    squares += Reduce.Sum(new Reduce.SquaredDifference(center), run, run, inner);
                }
                mean[c] = center;
                variance[c] = (float)(squares / count);
            }
        }
    }

    /// <summary>rstd = 1/√(variance + ε) of each channel; may be in place.</summary>
    public static void ReciprocalRoot(ReadOnlySpan<float> variance, float epsilon, Span<float> rstd)
    {
        for (var c = 0; c < variance.Length; c++)
            rstd[c] = ChannelNorm.ReciprocalRoot(variance[c], epsilon);
    }

    /// <summary>y = (x − mean)·rstd·weight + bias with one of each for every channel.</summary>
    /// <param name="batch">Samples.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="inner">Elements of a channel in one sample.</param>
    /// <param name="x">[batch, channels, inner].</param>
    /// <param name="mean">[channels].</param>
    /// <param name="rstd">[channels].</param>
    /// <param name="weight">[channels], or empty for 1.</param>
    /// <param name="bias">[channels], or empty for 0.</param>
    /// <param name="y">[batch, channels, inner] out; may be x.</param>
    public static void Normalize(
        int batch, int channels, int inner, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y)
    {
        Require(batch, channels, inner, x.Length, mean.Length, rstd.Length);
        RequireVectors(channels, weight.Length, bias.Length);
        Lanes.RequireLength("BatchNorm", nameof(y), y.Length, batch * channels * inner);
        if (inner == 1)
        {
            NormalizeColumns(batch, channels, x, mean, rstd, weight, bias, y);
            return;
        }
        fixed (float* px = x, py = y)
        {
            for (var run = 0; run < batch * channels; run++)
            {
                var c = run % channels;
                var at = (nint)run * inner;
                ChannelNorm.Normalize(px + at, py + at, inner, mean[c], rstd[c], weight.IsEmpty ? 1f : weight[c], bias.IsEmpty ? 0f : bias[c]);
            }
        }
    }

    /// <summary>
    /// With x̂ = (x − mean)·rstd: dBias = Σ dy, dWeight = Σ dy·x̂, and dx = rstd·weight·(dy − mean(dy) − x̂·mean(dy·x̂)) where the statistics are the batch's own, or
    /// dx = rstd·weight·dy where they are fixed. dWeight and dBias are always needed as scratch.
    /// </summary>
    /// <param name="batch">Samples.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="inner">Elements of a channel in one sample.</param>
    /// <param name="dy">[batch, channels, inner].</param>
    /// <param name="x">[batch, channels, inner], the input of the forward pass.</param>
    /// <param name="mean">[channels] of the forward pass.</param>
    /// <param name="rstd">[channels] of the forward pass.</param>
    /// <param name="weight">[channels], or empty for 1.</param>
    /// <param name="training">The statistics are the batch's own.</param>
    /// <param name="dx">[batch, channels, inner] out, or empty.</param>
    /// <param name="dWeight">[channels] out, overwritten.</param>
    /// <param name="dBias">[channels] out, overwritten.</param>
    /// <param name="accumulateInput">Add to dx instead of overwriting it.</param>
    public static void Backward(
        int batch, int channels, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd, ReadOnlySpan<float> weight, bool training,
        Span<float> dx, Span<float> dWeight, Span<float> dBias, bool accumulateInput = false)
    {
        Require(batch, channels, inner, x.Length, mean.Length, rstd.Length);
        RequireVectors(channels, weight.Length, 0);
        Lanes.RequireLength("BatchNorm", nameof(dy), dy.Length, batch * channels * inner);
        Lanes.RequireLength("BatchNorm", nameof(dx), dx.Length, dx.IsEmpty ? 0 : batch * channels * inner);
        Lanes.RequireLength("BatchNorm", nameof(dWeight), dWeight.Length, channels);
        Lanes.RequireLength("BatchNorm", nameof(dBias), dBias.Length, channels);
        if (inner == 1)
        {
            BackwardColumns(batch, channels, dy, x, mean, rstd, weight, training, dx, dWeight, dBias, accumulateInput);
            return;
        }
        var count = (double)batch * inner;
        fixed (float* pg = dy, px = x, pd = dx)
        {
            for (var c = 0; c < channels; c++)
            {
                double sum = 0, projected = 0;
                for (var b = 0; b < batch; b++)
                {
                    var at = ((nint)b * channels + c) * inner;
                    var sums = ChannelNorm.GradientSums(pg + at, px + at, inner, mean[c], rstd[c]);
                    sum += sums.Sum;
                    projected += sums.Projected;
                }
                dBias[c] = (float)sum;
                dWeight[c] = (float)projected;
                var w = weight.IsEmpty ? 1f : weight[c];
                var meanGradient = training ? (float)(sum / count) * w : 0f;
                var meanProjected = training ? (float)(projected / count) * w : 0f;
                for (var b = 0; b < batch && pd != null; b++)
                {
                    var at = ((nint)b * channels + c) * inner;
                    ChannelNorm.Backward(pg + at, px + at, pd + at, inner, mean[c], rstd[c], w, meanGradient, meanProjected, accumulateInput);
                }
            }
        }
    }

    private static void Require(int batch, int channels, int inner, int x, int mean, int rstd)
    {
        if (batch < 1 || channels < 0 || inner < 1)
            throw new ArgumentException($"BatchNorm: the input was [{batch}, {channels}, {inner}], expected at least one element for each channel");
        Lanes.RequireLength("BatchNorm", nameof(x), x, checked(batch * channels * inner));
        Lanes.RequireLength("BatchNorm", nameof(mean), mean, channels);
        Lanes.RequireLength("BatchNorm", "rstd or variance", rstd, channels);
    }

    private static void RequireVectors(int channels, int weight, int bias)
    {
        Lanes.RequireLength("BatchNorm", nameof(weight), weight, weight == 0 ? 0 : channels);
        Lanes.RequireLength("BatchNorm", nameof(bias), bias, bias == 0 ? 0 : channels);
    }
}
