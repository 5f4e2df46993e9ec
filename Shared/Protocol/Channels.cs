using MessagePack;

namespace DistTrain.Protocol;

/// <summary>How two nodes agree on a tensor channel, and the channel of last resort, which travels in pieces over the control plane itself.</summary>
public static class Channels
{
    /// <summary>Node to node: where can tensors of this job be sent to?</summary>
    [MessagePackObject]
    public sealed record Wanted([property: Key(0)] JobId Job) : IProtocolMessage;

    /// <summary>The answer.</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Host">The host that the channel's port is reached at.</param>
    /// <param name="Port">The port; 0 for none: pieces over the control plane only.</param>
    /// <param name="Secret">What a connection must prove to know: handed out over the control plane, so whoever may speak there may connect.</param>
    [MessagePackObject]
    public sealed record Offer(
        [property: Key(0)] JobId Job, [property: Key(1)] string Host, [property: Key(2)] int Port, [property: Key(3)] byte[] Secret) : IProtocolMessage;

    /// <summary>A piece of a connection's byte stream, in either direction.</summary>
    /// <param name="Connection">Which connection.</param>
    /// <param name="ToReceiver">Whether it goes from the one that opened the connection to the other.</param>
    /// <param name="Number">Its number in its direction, from 0: a gap breaks the connection.</param>
    /// <param name="Bytes">At most 64 KiB; none ends the connection.</param>
    [MessagePackObject]
    public sealed record Piece(
        [property: Key(0)] Guid Connection, [property: Key(1)] bool ToReceiver, [property: Key(2)] long Number, [property: Key(3)] byte[] Bytes) : IProtocolMessage;

    /// <summary>Pieces below <paramref name="Number"/> are taken: as many more may follow.</summary>
    [MessagePackObject]
    public sealed record PiecesTaken([property: Key(0)] Guid Connection, [property: Key(1)] bool ToReceiver, [property: Key(2)] long Number) : IProtocolMessage;
}
