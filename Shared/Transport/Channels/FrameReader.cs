using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>A frame that is wholly here and whose checksums agree.</summary>
/// <param name="Header">What it is.</param>
/// <param name="Placement">For a tensor: whether it was taken.</param>
/// <param name="Tensor">For a tensor that was taken: its floats.</param>
/// <param name="Lease">The place's lease.</param>
internal readonly record struct Incoming(FrameHeader Header, Placement Placement, TensorSlice Tensor, IDisposable? Lease);

/// <summary>
/// Reads frames from a link. A header is checked against the rules before anything behind it is read; floats under <c>none</c> are received into their place, others are decoded into it. Memory is bounded: one message,
/// and for codecs one bucket's bytes.
/// </summary>
internal sealed class FrameReader(FrameRules rules, ITensorPlacer placer)
{
    private const int Part = 256 << 10;

    // Checksum, next header and its message usually come in one call; at most this much of a payload takes the way through it.
    private const int Ahead = 512;

    private const int FirstMessage = 4 << 10;

    private readonly byte[] ahead = new byte[Ahead];
    private readonly byte[] head = new byte[FrameHeader.Size];
    private readonly byte[] trailer = new byte[FrameHeader.TrailerSize];
    private readonly MemoryViews memory = new();
    private int aheadStart;
    private int aheadEnd;
    private byte[] staging = [];
    private byte[] message = [];
    private int messageLength;

    /// <summary>The message of the last frame.</summary>
    public ReadOnlySpan<byte> Message => message.AsSpan(0, messageLength);

    /// <summary>The message of the last frame as text.</summary>
    public string Text => Encoding.UTF8.GetString(Message);

    /// <summary>Forgets what was read ahead, and the peer's memory: for another connection.</summary>
    public void Reset()
    {
        aheadStart = aheadEnd = 0;
        memory.Clear();
    }

    /// <summary>Waits for a frame; false when the peer ended the stream between two of them.</summary>
    /// <param name="link">Where from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="onIdle">Called when nothing comes for a moment.</param>
    /// <exception cref="ChannelException">Anything else than a frame by the rules.</exception>
    public bool TryRead(ByteLink link, out Incoming frame, Action? onIdle = null)
    {
        frame = default;
        if (aheadStart == aheadEnd)
        {
            if (onIdle is not null && !link.WaitBriefly()) onIdle();
            int first;
            do first = link.Receive(ahead);
            while (first < 0);
            if (first == 0) return false;
            (aheadStart, aheadEnd) = (0, first);
        }
        ReceiveExactly(link, head, "a frame's header");
        if (!FrameHeader.TryRead(head, out var header, out string? reason)) throw new ChannelException($"{link.Peer}: {reason}");
        if (rules.Check(header) is { } broken) throw new ChannelException($"{link.Peer}: {broken}");
        messageLength = header.MessageLength;
        if (message.Length < messageLength) message = new byte[Math.Max(FirstMessage, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)messageLength))];
        ReceiveExactly(link, message.AsSpan(0, messageLength), "a frame's message");
        uint checksum = Crc32C.Of(Message);
        if (header.Kind is FrameKind.Memory || header.Memory != 0)
        {
            if (!link.ReachesMemory) throw new ChannelException($"{link.Peer} names memory that cannot be reached from here");
        }
        if (header.Kind != FrameKind.Tensor) ReadChecksum(link, header, checksum, out frame);
        else if (header.Memory == 0) ReadTensor(link, header, checksum, out frame);
        else ReadStanding(link, header, checksum, out frame);
        if (header.Kind == FrameKind.Memory) memory.Take(link.Peer, header.Route, Text);
        return true;
    }

    /// <summary>A tensor in the sender's memory: stays there, or is copied and summed up in one pass, while the sender sums it up.</summary>
    private void ReadStanding(ByteLink link, in FrameHeader header, uint checksum, out Incoming frame)
    {
        var there = memory.Of(link.Peer, header);
        var bytes = MemoryMarshal.AsBytes((ReadOnlySpan<float>)there.Span);
        if (placer.MayStay(header))
        {
            ReadChecksum(link, header, Crc32C.Append(checksum, bytes), out _);
            frame = new Incoming(header, Placement.Take, there, null);
            return;
        }
        var placement = placer.Place(header, out var place, out var lease);
        try
        {
            checksum = placement switch
            {
                Placement.Take => Crc32C.Copy(checksum, bytes, MemoryMarshal.AsBytes(place.Span)),
                Placement.Discard => Crc32C.Append(checksum, bytes),
                _ => throw NoPlace(link, header),
            };
            ReadChecksum(link, header, checksum, out _);
            frame = new Incoming(header, placement, place, lease);
        }
        catch
        {
            lease?.Dispose();
            throw;
        }
    }

    private static ChannelException NoPlace(ByteLink link, in FrameHeader header) => new($"{link.Peer}: there is no place for bucket {header.Bucket} of step {header.Step}");

    private void ReadTensor(ByteLink link, in FrameHeader header, uint checksum, out Incoming frame)
    {
        var placement = placer.Place(header, out var place, out var lease);
        try
        {
            if (placement == Placement.Refuse) throw NoPlace(link, header);
            if (placement == Placement.Take && place.Length != header.Floats) throw new InvalidOperationException($"the place for bucket {header.Bucket} has {place.Length} floats, expected {header.Floats}");
            bool direct = placement == Placement.Take && header.Codec == CodecKind.None;
            if (!direct && staging.Length < header.PayloadLength) staging = GC.AllocateUninitializedArray<byte>(header.PayloadLength, pinned: true);
            var payload = direct ? MemoryMarshal.AsBytes(place.Span) : staging.AsSpan(0, header.PayloadLength);
            checksum = Receive(link, payload, checksum);
            ReadChecksum(link, header, checksum, out frame);
            if (placement == Placement.Take && !direct) Decode(link, header, payload, place.Span);
            frame = new Incoming(header, placement, place, lease);
        }
        catch
        {
            lease?.Dispose();
            throw;
        }
    }

    /// <summary>Takes what is here already, then whatever comes, which may be more than is asked for.</summary>
    private void ReceiveExactly(ByteLink link, Span<byte> destination, string what)
    {
        int length = destination.Length;
        while (true)
        {
            destination = destination[TakeAhead(destination)..];
            if (destination.IsEmpty) return;
            int count = link.Receive(ahead);
            if (count <= 0) throw link.Incomplete(count, what, length - destination.Length, length);
            (aheadStart, aheadEnd) = (0, count);
        }
    }

    private int TakeAhead(Span<byte> destination)
    {
        int count = Math.Min(destination.Length, aheadEnd - aheadStart);
        ahead.AsSpan(aheadStart, count).CopyTo(destination);
        aheadStart += count;
        return count;
    }

    /// <summary>Leaves what the sender has: the codec's numbers, and zeros in the padding.</summary>
    private void Decode(ByteLink link, in FrameHeader header, ReadOnlySpan<byte> payload, Span<float> floats)
    {
        if (!rules.CodecOf(header).TryDecode(payload, floats, out string? reason)) throw new ChannelException($"{link.Peer}: {reason}");
        if (header.Hi > 0 && header.Bucket >= 0) rules.Buckets.Layout.ClearPadding(floats, rules.Buckets.Buckets[header.Bucket].Offset);
    }

    private uint Receive(ByteLink link, Span<byte> payload, uint checksum)
    {
        int pending = 0, received = TakeAhead(payload);
        while (received < payload.Length)
        {
            int count = link.Receive(payload.Slice(received, Math.Min(Part, payload.Length - received)));
            if (count <= 0) throw link.Incomplete(count, "a tensor", received, payload.Length);
            received += count;
            // Not byte by byte where the link gives little at a time.
            if (received - pending < Part / 4 && received < payload.Length) continue;
            checksum = Crc32C.Append(checksum, payload[pending..received]);
            pending = received;
        }
        return Crc32C.Append(checksum, payload[pending..]);
    }

    private void ReadChecksum(ByteLink link, in FrameHeader header, uint checksum, out Incoming frame)
    {
        ReceiveExactly(link, trailer, "a frame's checksum");
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (stored != checksum) throw new ChannelException($"{link.Peer}: a frame of bucket {header.Bucket}, step {header.Step} has checksum {checksum:X8}, expected {stored:X8}");
        frame = new Incoming(header, Placement.Discard, default, null);
    }
}
