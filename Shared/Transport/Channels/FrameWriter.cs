using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>Writes frames to a link. Floats that the receiver can read where they stand are only summed up; others go out from where they stand; each part is checksummed just before it is sent, while it is in the cache anyway.</summary>
internal sealed class FrameWriter(FrameRules rules, TensorMessages messages)
{
    private const int Part = 256 << 10;
    private const int LeastToShow = 4 << 10;
    private const int PartFloats = 16 * ParameterLayout.BlockLength;

    private readonly byte[] part = GC.AllocateArray<byte>(PartFloats * sizeof(float), pinned: true);
    private readonly MemoryOffers offers = new();
    private readonly byte[] trailer = new byte[FrameHeader.TrailerSize];
    private byte[] head = GC.AllocateArray<byte>(4 << 10, pinned: true);

    /// <summary>Whether a tensor keeps the rules, for the caller who made it.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public void Check(IProtocolMessage message, TensorSlice tensor)
    {
        var header = HeaderOf(message, tensor, out var codec) with { Sequence = 1 };
        if (rules.Check(header) is { } broken) throw new ArgumentException($"{message.GetType().Name}: {broken}");
        if (codec.Spec.Kind is CodecKind.None or CodecKind.Bf16 or CodecKind.Fp16) return;
        if (tensor.Encoded?.Length != header.PayloadLength || tensor.Encoded.Codec.Spec != codec.Spec)
            throw new ArgumentException($"{message.GetType().Name}: a tensor under codec {codec.Spec} comes with its {header.PayloadLength} bytes, this one has {tensor.Encoded?.Length ?? 0}");
    }

    public void Write(ByteLink link, Outgoing item)
    {
        var header = HeaderOf(item.Message, item.Tensor, out var codec);
        int memory = link.ReachesMemory && codec.Spec.Kind == CodecKind.None && header.PayloadLength >= LeastToShow ? offers.NumberOf(item.Tensor, this, link) : 0;
        int length = messages.Write(item.Message, ref head, FrameHeader.Size);
        if (length > rules.LongestMessage) throw new ArgumentException($"{item.Message.GetType().Name} takes {length} bytes, at most {rules.LongestMessage} travel with a tensor");
        header = header with { Route = item.Route, Sequence = item.Sequence, MessageLength = length, Memory = memory, MemoryOffset = memory == 0 ? 0 : item.Tensor.Offset };
        header.Write(head);
        var start = head.AsSpan(0, FrameHeader.Size + header.MessageLength);
        uint checksum = Crc32C.Of(start[FrameHeader.Size..]);
        if (memory != 0) Point(link, start, MemoryMarshal.AsBytes((ReadOnlySpan<float>)item.Tensor.Span), checksum);
        else if (codec.Spec.Kind == CodecKind.None) Send(link, start, MemoryMarshal.AsBytes((ReadOnlySpan<float>)item.Tensor.Span), checksum);
        else if (item.Tensor.Encoded is { } encoded) Send(link, start, encoded.Span, checksum);
        else EncodeAndSend(link, start, codec, item.Tensor.Span, checksum);
    }

    /// <summary>Another connection begins.</summary>
    public void Reset() => offers.Clear();

    public void WriteRoute(ByteLink link, int route, RouteName name) => WriteText(link, FrameKind.Route, route, $"{name.Receiver}\n{name.Sender}");

    /// <summary>Says what a number stands for; without text, that it stands for nothing any more.</summary>
    public void WriteMemory(ByteLink link, int number, string text) => WriteText(link, FrameKind.Memory, number, text);

    public void WriteGoodbye(ByteLink link, string reason) => WriteText(link, FrameKind.Goodbye, 0, reason);

    private FrameHeader HeaderOf(IProtocolMessage message, TensorSlice tensor, out TensorCodec codec)
    {
        var header = FrameHeader.Of(rules.Job, message) with { Floats = tensor.Length };
        codec = rules.CodecOf(header);
        return header with { Codec = codec.Spec.Kind, PayloadLength = checked((int)codec.EncodedLength(tensor.Length)) };
    }

    private void WriteText(ByteLink link, FrameKind kind, int route, string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        TensorMessages.Reserve(ref head, FrameHeader.Size + length);
        Encoding.UTF8.GetBytes(text, head.AsSpan(FrameHeader.Size));
        new FrameHeader { Kind = kind, Job = rules.Job.Value, Bucket = FrameHeader.NoBucket, Route = route, Sequence = 1, MessageLength = length }.Write(head);
        Send(link, head.AsSpan(0, FrameHeader.Size + length), default, Crc32C.Of(head.AsSpan(FrameHeader.Size, length)));
    }

    /// <summary>Sends a frame whose payload the receiver reads where it stands.</summary>
    private void Point(ByteLink link, ReadOnlySpan<byte> start, ReadOnlySpan<byte> payload, uint checksum)
    {
        link.Send(start);
        link.Send(Trailer(Crc32C.Append(checksum, payload)));
    }

    /// <summary>Sends a frame whose payload stands in memory; the first part leaves with the header, the last one with the checksum, unless the link sums up a long payload while it copies it.</summary>
    private void Send(ByteLink link, ReadOnlySpan<byte> start, ReadOnlySpan<byte> payload, uint checksum)
    {
        if (link.CanSum && payload.Length > Part)
        {
            link.Send(start);
            link.SendSummed(payload, ref checksum);
            link.Send(Trailer(checksum));
            return;
        }
        while (true)
        {
            var part = payload[..Math.Min(Part, payload.Length)];
            payload = payload[part.Length..];
            checksum = Crc32C.Append(checksum, part);
            link.Send(start, part, payload.IsEmpty ? Trailer(checksum) : default);
            if (payload.IsEmpty) return;
            start = default;
        }
    }

    /// <summary>For codecs without state or chance, which give the same bytes wherever they run.</summary>
    private void EncodeAndSend(ByteLink link, ReadOnlySpan<byte> start, TensorCodec codec, ReadOnlySpan<float> floats, uint checksum)
    {
        while (true)
        {
            var next = floats[..Math.Min(PartFloats, floats.Length)];
            floats = floats[next.Length..];
            var encoded = part.AsSpan(0, codec.Encode(default, next, [], part));
            checksum = Crc32C.Append(checksum, encoded);
            link.Send(start, encoded, floats.IsEmpty ? Trailer(checksum) : default);
            if (floats.IsEmpty) return;
            start = default;
        }
    }

    private ReadOnlySpan<byte> Trailer(uint checksum)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, checksum);
        return trailer;
    }
}
