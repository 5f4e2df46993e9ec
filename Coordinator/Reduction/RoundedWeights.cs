using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>Weights as a codec leaves them: what workers compute on, whether they share the server's memory or get them over a wire. Statistics stay as they are.</summary>
internal static class RoundedWeights
{
    /// <summary>Rounds a part of a bucket, a block at most.</summary>
    public static void Write(TensorCodec codec, Bucket bucket, ReadOnlySpan<float> weights, Span<float> rounded)
    {
        if (bucket.IsStatistics)
        {
            weights.CopyTo(rounded);
            return;
        }
        Span<byte> bytes = stackalloc byte[ParameterLayout.BlockLength * sizeof(float)];
        int length = codec.Encode(default, weights, [], bytes);
        if (!codec.TryDecode(bytes[..length], rounded, out string? reason)) throw new InvalidOperationException(reason);
    }

    /// <summary>A whole version, rounded.</summary>
    public static FloatBuffer Of(TensorCodec codec, BucketPlan buckets, FloatBuffer weights)
    {
        var rounded = new FloatBuffer(weights.Length);
        foreach (var bucket in buckets.Buckets)
        {
            for (int offset = 0; offset < bucket.Length; offset += ParameterLayout.BlockLength)
            {
                int length = Math.Min(ParameterLayout.BlockLength, bucket.Length - offset);
                Write(codec, bucket, weights.Slice(bucket.Offset + offset, length), rounded.Slice(bucket.Offset + offset, length));
            }
        }
        return rounded;
    }
}
