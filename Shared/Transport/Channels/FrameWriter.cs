using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>Writes frames to a link. Floats go out from where they stand; each part is checksummed just before it is sent, while it is in the cache anyway.</summary>
internal sealed class FrameWriter(FrameRules rules, TensorMessages messages)
{
    private const int Part = 256 << 10;
    private const int PartFloats = 16 * ParameterLayout.BlockLength;

    private readonly byte[] head = GC.AllocateArray<byte>(FrameHeader.Size + FrameRules.LongestMessage, pinned: true);
    private readonly byte[] part = GC.AllocateArray<byte>(PartFloats * sizeof(float), pinned: true);
    private readonly byte[] trailer = new byte[FrameHeader.TrailerSize];

    public void Write(ByteLink link, Outgoing item)
    {
        var header = FrameHeader.Of(rules.Job, item.Message) with { Route = item.Route, Sequence = item.Sequence, Floats = item.Tensor.Length };
        var codec = rules.CodecOf(header);
        header = header with
        {
            Codec = codec.Spec.Kind,
            PayloadLength = checked((int)codec.EncodedLength(item.Tensor.Length)),
            MessageLength = messages.Write(item.Message, head.AsSpan(FrameHeader.Size)),
        };
        uint checksum = Begin(link, header);
        if (codec.Spec.Kind == CodecKind.None) checksum = Send(link, MemoryMarshal.AsBytes((ReadOnlySpan<float>)item.Tensor.Span), checksum);
        else if (item.Tensor.Encoded is { } encoded) checksum = Send(link, encoded.Span, checksum);
        else checksum = EncodeAndSend(link, codec, item.Tensor.Span, checksum);
        End(link, checksum);
    }

    public void WriteRoute(ByteLink link, int route, RouteName name) => WriteText(link, FrameKind.Route, route, $"{name.Receiver}\n{name.Sender}");

    public void WriteGoodbye(ByteLink link, string reason) => WriteText(link, FrameKind.Goodbye, 0, reason);

    private void WriteText(ByteLink link, FrameKind kind, int route, string text)
    {
        int length = Encoding.UTF8.GetBytes(text, head.AsSpan(FrameHeader.Size));
        End(link, Begin(link, new FrameHeader { Kind = kind, Job = rules.Job.Value, Bucket = FrameHeader.NoBucket, Route = route, Sequence = 1, MessageLength = length }));
    }

    private uint Begin(ByteLink link, in FrameHeader header)
    {
        header.Write(head);
        link.Send(head.AsSpan(0, FrameHeader.Size + header.MessageLength));
        return Crc32C.Of(head.AsSpan(FrameHeader.Size, header.MessageLength));
    }

    private static uint Send(ByteLink link, ReadOnlySpan<byte> bytes, uint checksum)
    {
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(Part, bytes.Length)..])
        {
            var next = bytes[..Math.Min(Part, bytes.Length)];
            checksum = Crc32C.Append(checksum, next);
            link.Send(next);
        }
        return checksum;
    }

    /// <summary>For codecs without state or chance, which give the same bytes wherever they run.</summary>
    private uint EncodeAndSend(ByteLink link, TensorCodec codec, ReadOnlySpan<float> floats, uint checksum)
    {
        for (; !floats.IsEmpty; floats = floats[Math.Min(PartFloats, floats.Length)..])
        {
            int bytes = codec.Encode(default, floats[..Math.Min(PartFloats, floats.Length)], [], part);
            checksum = Send(link, part.AsSpan(0, bytes), checksum);
        }
        return checksum;
    }

    private void End(ByteLink link, uint checksum)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, checksum);
        link.Send(trailer);
    }
}
