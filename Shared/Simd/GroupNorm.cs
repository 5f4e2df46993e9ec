namespace DistTrain.Simd;

/// <summary>
/// Group normalization of [batch, channels, inner] tensors (<see href="https://arxiv.org/abs/1803.08494">Wu, He 2018</see>): each sample's channels are normalized in
/// groups of channels/groups neighbours; weight and bias belong to channels.
/// </summary>
public static unsafe class GroupNorm
{
    /// <summary>y, and mean and rstd of each sample's groups for the backward pass.</summary>
    /// <param name="batch">Samples.</param>
    /// <param name="channels">Channels, a multiple of the groups.</param>
    /// <param name="inner">Elements of a channel.</param>
    /// <param name="groups">Groups.</param>
    /// <param name="x">[batch, channels, inner].</param>
    /// <param name="weight">[channels], or empty for 1.</param>
    /// <param name="bias">[channels], or empty for 0.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="y">[batch, channels, inner] out; may be x.</param>
    /// <param name="mean">[batch, groups] out.</param>
    /// <param name="rstd">[batch, groups] out.</param>
    public static void Forward(
        int batch, int channels, int inner, int groups, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float epsilon,
        Span<float> y, Span<float> mean, Span<float> rstd)
    {
        Require(batch, channels, inner, groups, x.Length, weight.Length, y.Length, mean.Length, rstd.Length);
        Lanes.RequireLength("GroupNorm", nameof(bias), bias.Length, bias.IsEmpty ? 0 : channels);
        var perGroup = channels / groups;
        var length = perGroup * inner;
        fixed (float* px = x, py = y)
        {
            for (var group = 0; group < batch * groups; group++)
            {
                var source = px + (nint)group * length;
                var center = Reduce.Sum(new Reduce.Identity(), source, source, length) / length;
                var variance = Reduce.Sum(new Reduce.SquaredDifference(center), source, source, length) / length;
                mean[group] = center;
                rstd[group] = ChannelNorm.ReciprocalRoot(variance, epsilon);
                for (var k = 0; k < perGroup; k++)
                {
                    var channel = group % groups * perGroup + k;
                    var at = (nint)group * length + (nint)k * inner;
                    ChannelNorm.Normalize(px + at, py + at, inner, center, rstd[group], weight.IsEmpty ? 1f : weight[channel], bias.IsEmpty ? 0f : bias[channel]);
                }
            }
        }
    }

    /// <summary>The gradients; an empty gradient span is not computed.</summary>
    /// <param name="batch">Samples.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="inner">Elements of a channel.</param>
    /// <param name="groups">Groups.</param>
    /// <param name="dy">[batch, channels, inner].</param>
    /// <param name="x">[batch, channels, inner], the input of the forward pass.</param>
    /// <param name="weight">[channels], or empty for 1.</param>
    /// <param name="mean">[batch, groups] from the forward pass.</param>
    /// <param name="rstd">[batch, groups] from the forward pass.</param>
    /// <param name="dx">[batch, channels, inner] out.</param>
    /// <param name="dWeight">[channels] out.</param>
    /// <param name="dBias">[channels] out.</param>
    /// <param name="accumulateInput">Add to dx instead of overwriting it.</param>
    /// <param name="accumulateParameters">Add to dWeight and dBias instead of overwriting them.</param>
    public static void Backward(
        int batch, int channels, int inner, int groups, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd,
        Span<float> dx, Span<float> dWeight, Span<float> dBias, bool accumulateInput = false, bool accumulateParameters = false)
    {
        Require(batch, channels, inner, groups, x.Length, weight.Length, dy.Length, mean.Length, rstd.Length);
        if (!accumulateParameters)
        {
            dWeight.Clear();
            dBias.Clear();
        }
        var perGroup = channels / groups;
        var length = perGroup * inner;
        fixed (float* pg = dy, px = x, pd = dx)
        {
            for (var group = 0; group < batch * groups; group++)
            {
                var start = (nint)group * length;
                float sum = 0, projected = 0;
                for (var k = 0; k < perGroup; k++)
                {
                    var channel = group % groups * perGroup + k;
                    var sums = ChannelNorm.GradientSums(pg + start + (nint)k * inner, px + start + (nint)k * inner, inner, mean[group], rstd[group]);
                    var w = weight.IsEmpty ? 1f : weight[channel];
                    sum += sums.Sum * w;
                    projected += sums.Projected * w;
                    if (!dWeight.IsEmpty)
                        dWeight[channel] += sums.Projected;
                    if (!dBias.IsEmpty)
                        dBias[channel] += sums.Sum;
                }
                if (pd == null)
                    continue;
                for (var k = 0; k < perGroup; k++)
                {
                    var channel = group % groups * perGroup + k;
                    var at = start + (nint)k * inner;
                    ChannelNorm.Backward(
                        pg + at, px + at, pd + at, inner, mean[group], rstd[group], weight.IsEmpty ? 1f : weight[channel], sum / length, projected / length, accumulateInput);
                }
            }
        }
    }

    private static void Require(int batch, int channels, int inner, int groups, int x, int weight, int y, int mean, int rstd)
    {
        if (batch < 0 || inner < 1 || groups < 1 || channels < 1 || channels % groups != 0)
            throw new ArgumentException($"GroupNorm: [{batch}, {channels}, {inner}] in {groups} groups, expected channels to be a multiple of the groups and no empty group");
        Lanes.RequireLength("GroupNorm", nameof(x), x, checked(batch * channels * inner));
        Lanes.RequireLength("GroupNorm", "y or dy", y, batch * channels * inner);
        Lanes.RequireLength("GroupNorm", nameof(weight), weight, weight == 0 ? 0 : channels);
        Lanes.RequireLength("GroupNorm", nameof(mean), mean, batch * groups);
        Lanes.RequireLength("GroupNorm", nameof(rstd), rstd, batch * groups);
    }
}
