using DistTrain.Training;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// What one step puts on the channels, payloads only: gradients of each contribution to its server, weights of each bucket to every worker. Headers add about 0.3 KiB for each bucket and contribution.
/// </summary>
/// <param name="GradientBytes">Bytes of gradients in a step, over all contributions.</param>
/// <param name="WeightBytes">Bytes of weights in a step, over all workers.</param>
/// <param name="PlainGradientBytes">What <c>none</c> would send for the same gradients.</param>
/// <param name="PlainWeightBytes">What <c>none</c> would send for the same weights.</param>
public readonly record struct Traffic(long GradientBytes, long WeightBytes, long PlainGradientBytes, long PlainWeightBytes)
{
    /// <summary>All bytes of a step.</summary>
    public long BytesPerStep => GradientBytes + WeightBytes;

    /// <summary>A line for the user where a codec sends more than <c>none</c> would; else null.</summary>
    public string? Warning => GradientBytes > PlainGradientBytes
        ? $"the gradient codec sends {GradientBytes:N0} bytes per step, more than the {PlainGradientBytes:N0} of --codec none"
        : null;

    /// <summary>Counts a step's bytes.</summary>
    /// <param name="gradients">The gradient codec.</param>
    /// <param name="weights">The weights codec.</param>
    /// <param name="buckets">The layout, cut into buckets. Statistics are not encoded.</param>
    /// <param name="shards">Logical shards. A lossy codec encodes each of them apart.</param>
    /// <param name="workers">Workers that get the weights. With a lossless codec one that owns an aligned block of the tree sends its sum: one contribution each, where shards divide evenly.</param>
    public static Traffic PerStep(TensorCodec gradients, TensorCodec weights, BucketPlan buckets, int shards, int workers)
    {
        long encoded = 0, published = 0, plain = 0;
        foreach (var bucket in buckets.Buckets)
        {
            long bytes = (long)bucket.Length * sizeof(float);
            encoded += bucket.IsStatistics ? bytes : gradients.EncodedLength(bucket.Length);
            published += bucket.IsStatistics ? bytes : weights.EncodedLength(bucket.Length);
            plain += bytes;
        }
        int summed = Math.Min(shards, workers);
        return new Traffic(encoded * (gradients.Spec.IsLossy ? shards : summed), published * workers, plain * summed, plain * workers);
    }
}
