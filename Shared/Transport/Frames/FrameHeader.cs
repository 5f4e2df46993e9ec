using System.Buffers.Binary;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;

namespace DistTrain.Transport.Frames;

/// <summary>What a frame is.</summary>
public enum FrameKind : byte
{
    /// <summary>A tensor with its message.</summary>
    Tensor = 1,

    /// <summary>The name of a route: which actor the tensors with its number are for, and from which one.</summary>
    Route = 2,

    /// <summary>The sender ends the connection on purpose; its message says why.</summary>
    Goodbye = 3,

    /// <summary>Over shared memory: a file of the sender's memory that tensors with its number stand in; without a message, that it is no more. Its number stands where a tensor's route does.</summary>
    Memory = 4,
}

/// <summary>
/// The 96 bytes that begin every frame, little-endian. Behind them stand the message, the payload (unless it stands in the sender's memory, for the receiver
/// to read), and the CRC-32C of both (4 bytes).
/// </summary>
/// <remarks>
/// 0 magic "DTF1" · 4 version · 5 kind · 6 codec · 7 zero · 8 job (16) · 24 term (8) · 32 step or version (8) · 40 bucket (4) · 44 node's first leaf (4) · 48 node's end (4) ·
/// 52 route (4) · 56 bytes of message (4) · 60 floats (4) · 64 bytes of payload (4) · 68 memory file that the payload stands in, 0 for none (4) · 72 sequence number (8) · 80 its first float there (4) · 84 zero (8) · 92 CRC-32C of bytes 0–91 (4).
/// </remarks>
public readonly record struct FrameHeader
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 96;

    /// <summary>Bytes of the checksum that ends a frame.</summary>
    public const int TrailerSize = sizeof(uint);

    /// <summary>The version of this layout.</summary>
    public const byte Version = 2;

    private const uint Magic = 0x31_46_54_44; // "DTF1"
    private const int ChecksumAt = 92;

    /// <summary>What the frame is.</summary>
    public FrameKind Kind { get; init; }

    /// <summary>How the payload is encoded.</summary>
    public CodecKind Codec { get; init; }

    /// <summary>The job.</summary>
    public Guid Job { get; init; }

    /// <summary>The term.</summary>
    public long Term { get; init; }

    /// <summary>A gradient's step, a weight's version.</summary>
    public long Step { get; init; }

    /// <summary>The bucket of the layout; −1 where there is none.</summary>
    public int Bucket { get; init; }

    /// <summary>The first leaf of the tree node; 0 for weights.</summary>
    public int Lo { get; init; }

    /// <summary>One past the last leaf of the tree node; 0 for weights.</summary>
    public int Hi { get; init; }

    /// <summary>The route.</summary>
    public int Route { get; init; }

    /// <summary>Bytes of the message.</summary>
    public int MessageLength { get; init; }

    /// <summary>Floats of the tensor.</summary>
    public int Floats { get; init; }

    /// <summary>Bytes of the payload.</summary>
    public int PayloadLength { get; init; }

    /// <summary>The frame's number on its channel, from 1; a re-opened channel goes on counting.</summary>
    public long Sequence { get; init; }

    /// <summary>The number of the sender's memory file that the payload stands in; 0 where it stands behind the message.</summary>
    public int Memory { get; init; }

    /// <summary>The payload's first float in that file.</summary>
    public int MemoryOffset { get; init; }

    /// <summary>Writes the header.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        destination[4] = Version;
        destination[5] = (byte)Kind;
        destination[6] = (byte)Codec;
        Job.TryWriteBytes(destination[8..]);
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], Term);
        BinaryPrimitives.WriteInt64LittleEndian(destination[32..], Step);
        BinaryPrimitives.WriteInt32LittleEndian(destination[40..], Bucket);
        BinaryPrimitives.WriteInt32LittleEndian(destination[44..], Lo);
        BinaryPrimitives.WriteInt32LittleEndian(destination[48..], Hi);
        BinaryPrimitives.WriteInt32LittleEndian(destination[52..], Route);
        BinaryPrimitives.WriteInt32LittleEndian(destination[56..], MessageLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[60..], Floats);
        BinaryPrimitives.WriteInt32LittleEndian(destination[64..], PayloadLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[68..], Memory);
        BinaryPrimitives.WriteInt64LittleEndian(destination[72..], Sequence);
        BinaryPrimitives.WriteInt32LittleEndian(destination[80..], MemoryOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumAt..], Crc32C.Of(destination[..ChecksumAt]));
    }

    /// <summary>Reads a header; takes it only if it is one, whole and of this version. Its numbers are still to be checked against <see cref="FrameRules"/>.</summary>
    /// <param name="source">At least <see cref="Size"/> bytes.</param>
    /// <param name="header">The header; empty where false is returned.</param>
    /// <param name="reason">Why it is none; null where it is one.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, out FrameHeader header, out string? reason)
    {
        header = default;
        source = source[..Size];
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumAt..]);
        reason = null;
        if (magic != Magic) reason = $"a frame begins with {magic:X8}, expected {Magic:X8}";
        else if (stored != Crc32C.Of(source[..ChecksumAt])) reason = $"a frame's header has checksum {Crc32C.Of(source[..ChecksumAt]):X8}, expected {stored:X8}";
        else if (source[4] != Version) reason = $"a frame has version {source[4]}, expected {Version}";
        else if (source[7] != 0 || source[84..ChecksumAt].ContainsAnyExcept((byte)0)) reason = "a frame's reserved bytes are not zero";
        if (reason is not null) return false;
        header = new FrameHeader
        {
            Kind = (FrameKind)source[5],
            Codec = (CodecKind)source[6],
            Job = new Guid(source.Slice(8, 16)),
            Term = BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
            Step = BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
            Bucket = BinaryPrimitives.ReadInt32LittleEndian(source[40..]),
            Lo = BinaryPrimitives.ReadInt32LittleEndian(source[44..]),
            Hi = BinaryPrimitives.ReadInt32LittleEndian(source[48..]),
            Route = BinaryPrimitives.ReadInt32LittleEndian(source[52..]),
            MessageLength = BinaryPrimitives.ReadInt32LittleEndian(source[56..]),
            Floats = BinaryPrimitives.ReadInt32LittleEndian(source[60..]),
            PayloadLength = BinaryPrimitives.ReadInt32LittleEndian(source[64..]),
            Memory = BinaryPrimitives.ReadInt32LittleEndian(source[68..]),
            Sequence = BinaryPrimitives.ReadInt64LittleEndian(source[72..]),
            MemoryOffset = BinaryPrimitives.ReadInt32LittleEndian(source[80..]),
        };
        return true;
    }

    /// <summary>The header of a tensor, named by the message that it travels with; lengths are still to be filled in.</summary>
    public static FrameHeader Of(JobId job, IProtocolMessage message) => message switch
    {
        Gradients.Contribution { What: var what } => new FrameHeader
        {
            Kind = FrameKind.Tensor, Job = job.Value, Term = what.Term.Value, Step = what.Step, Bucket = what.Bucket, Lo = what.Lo, Hi = what.Hi,
        },
        Weights.Published published => new FrameHeader { Kind = FrameKind.Tensor, Job = job.Value, Term = published.Term.Value, Step = published.Version, Bucket = published.Bucket },
        _ => new FrameHeader { Kind = FrameKind.Tensor, Job = job.Value, Bucket = NoBucket },
    };

    /// <summary>The bucket number of a tensor that is none of the layout's buckets, such as a checkpoint's.</summary>
    public const int NoBucket = -1;
}
