using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Worker;

/// <summary>
/// Puts gradients through a lossy codec, leaf by leaf and bucket by bucket, on their way to a channel: the floats become what decoding gives, in every kind of channel alike, and the bytes go along for those that leave the process.
/// </summary>
internal sealed class GradientCoder(TensorCodec codec, ResidualStore residuals, ulong seed, BucketPlan buckets)
{
    // A pooled gradient buffer keeps its bytes: both are in use until their step is in the weights.
    private readonly Dictionary<FloatBuffer, EncodedTensor?[]> bytes = new(ReferenceEqualityComparer.Instance);

    public TensorSlice Apply(long step, int leaf, Bucket bucket, TensorSlice slice)
    {
        if (slice.Length == 0 || bucket.IsStatistics) return slice;
        if (!bytes.TryGetValue(slice.Buffer!, out var perBucket)) bytes.Add(slice.Buffer!, perBucket = new EncodedTensor?[buckets.Buckets.Length]);
        var encoded = perBucket[bucket.Index] ??= Make(bucket);
        // Where someone else has begun a later step of this leaf already, nobody waits for this one, whatever it holds.
        residuals.Encode(new CodecKey(seed, step, leaf, bucket.Offset), slice.Span, encoded.Bytes);
        return slice with { Encoded = encoded };
    }

    private EncodedTensor Make(Bucket bucket)
    {
        int length = checked((int)codec.EncodedLength(bucket.Length));
        return new EncodedTensor(codec, GC.AllocateUninitializedArray<byte>(length, pinned: true), length);
    }
}
