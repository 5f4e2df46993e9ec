using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Transport.Frames;

/// <summary>
/// What a job's frames may claim. A header that breaks a rule is refused before anything is allocated or read for it.
/// </summary>
public sealed class FrameRules
{
    // What MessagePack takes at most for a leaf's results, and for all else that a contribution says.
    private const int PerLeaf = 56, BesideLeaves = 4 << 10, MostMessage = 1 << 30;

    private readonly TensorCodec none = TensorCodec.Create(CodecSpec.None);
    private readonly TensorCodec gradients;
    private readonly TensorCodec weights;

    /// <summary>Makes the rules of a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="buckets">The layout, cut into buckets.</param>
    /// <param name="leaves">Leaves of the reduction tree.</param>
    /// <param name="gradients">The codec of gradients; null for none. Statistics are never encoded.</param>
    /// <param name="weights">The codec of weights; null for none.</param>
    /// <param name="longest">The longest tensor that is no bucket, in floats; 0 where there is none.</param>
    public FrameRules(JobId job, BucketPlan buckets, int leaves, CodecSpec? gradients = null, CodecSpec? weights = null, int longest = 0)
    {
        Job = job;
        Buckets = buckets;
        Leaves = leaves;
        Longest = longest;
        this.gradients = TensorCodec.Create(gradients ?? CodecSpec.None);
        this.weights = TensorCodec.Create(weights ?? CodecSpec.None);
    }

    /// <summary>The longest message, in bytes: 64 KiB, or what a contribution of all leaves takes, which says what each of them found.</summary>
    public int LongestMessage => (int)Math.Min(MostMessage, Math.Max(64 << 10, BesideLeaves + ((long)PerLeaf * Leaves)));

    /// <summary>The job.</summary>
    public JobId Job { get; }

    /// <summary>The layout, cut into buckets.</summary>
    public BucketPlan Buckets { get; }

    /// <summary>Leaves of the reduction tree.</summary>
    public int Leaves { get; }

    /// <summary>The longest tensor that is no bucket, in floats.</summary>
    public int Longest { get; }

    /// <summary>The codec of a tensor: by what it is, gradients or weights.</summary>
    public TensorCodec CodecOf(in FrameHeader header)
    {
        if ((uint)header.Bucket >= (uint)Buckets.Buckets.Length || header.Floats == 0 || Buckets.Buckets[header.Bucket].IsStatistics) return none;
        return header.Hi > 0 ? gradients : weights;
    }

    /// <summary>Why a header's claims cannot be; null where they can.</summary>
    public string? Check(in FrameHeader header)
    {
        if (header.Job != Job.Value) return $"a frame is of job {header.Job:N}, expected {Job}";
        if (header.MessageLength < 0 || header.MessageLength > LongestMessage) return $"a frame's message has {header.MessageLength} bytes, at most {LongestMessage} are allowed";
        if (header.Sequence < 1) return $"a frame has sequence number {header.Sequence}, expected 1 or more";
        return header.Kind switch
        {
            FrameKind.Tensor => CheckTensor(header),
            FrameKind.Route or FrameKind.Goodbye or FrameKind.Memory when header is { Floats: 0, PayloadLength: 0, Codec: CodecKind.None, Memory: 0 } => null,
            FrameKind.Route or FrameKind.Goodbye or FrameKind.Memory => $"a {header.Kind} frame has a payload of {header.PayloadLength} bytes, expected none",
            _ => $"a frame is of kind {(byte)header.Kind}, expected 1 to 4",
        };
    }

    private string? CheckTensor(in FrameHeader header)
    {
        if (header.Floats < 0) return $"a frame has {header.Floats} floats, expected 0 or more";
        if (header.Bucket == FrameHeader.NoBucket)
        {
            if (header.Floats > Longest) return $"a tensor has {header.Floats} floats, at most {Longest} are allowed";
        }
        else if ((uint)header.Bucket >= (uint)Buckets.Buckets.Length)
        {
            return $"a frame is of bucket {header.Bucket}, expected 0 to {Buckets.Buckets.Length - 1}";
        }
        else if (header.Floats != 0 && header.Floats != Buckets.Buckets[header.Bucket].Length)
        {
            return $"a frame of bucket {header.Bucket} has {header.Floats} floats, expected {Buckets.Buckets[header.Bucket].Length}, or 0 for an absent node";
        }
        bool isNode = header.Lo >= 0 && header.Lo < header.Hi && header.Hi <= Leaves;
        if (!isNode && header is not { Lo: 0, Hi: 0 }) return $"a frame is of tree node [{header.Lo}, {header.Hi}), expected one within [0, {Leaves})";
        var codec = CodecOf(header);
        if (header.Codec != codec.Spec.Kind) return $"a frame has codec {(byte)header.Codec}, expected {codec.Spec.Kind}";
        if (header.Memory != 0 && (header.Codec != CodecKind.None || header.Floats == 0)) return $"a frame of {header.Floats} floats under codec {codec.Spec} stands in memory {header.Memory}, where only floats as they are can stand";
        long length = codec.EncodedLength(header.Floats);
        return header.PayloadLength == length ? null : $"a frame has {header.PayloadLength} bytes for {header.Floats} floats under codec {codec.Spec}, expected {length}";
    }
}
