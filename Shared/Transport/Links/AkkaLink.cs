using Akka.Actor;
using Messages = DistTrain.Protocol.Channels;

namespace DistTrain.Transport.Links;

/// <summary>
/// A byte stream in small pieces over the control plane, for networks that let nothing else through. A few pieces are under way at a time, so that heartbeats find their way between them; a piece that is lost breaks the link.
/// </summary>
internal sealed class AkkaLink(Guid connection, bool isReceiver, IActorRef peer, IActorRef self) : ByteLink
{
    /// <summary>Bytes of a piece at most; with its envelope it stays below 64 KiB.</summary>
    public const int PieceBytes = 60 << 10;

    private const int UnderWay = 16;

    private readonly object gate = new();
    private readonly Queue<byte[]> arrived = new();
    private byte[] current = [];
    private int at;
    private long sent;
    private long taken;
    private long received;
    private long consumed;
    private bool ended;
    private string? broken;

    public Guid Connection => connection;

    /// <summary>The other node's channel actor.</summary>
    public IActorRef Remote => peer;

    /// <inheritdoc/>
    public override string Peer => peer.Path.Address.ToString();

    /// <inheritdoc/>
    public override TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public override bool WaitBriefly()
    {
        lock (gate) return at < current.Length || arrived.Count > 0;
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            byte[] piece = bytes[..Math.Min(PieceBytes, bytes.Length)].ToArray();
            bytes = bytes[piece.Length..];
            long number;
            lock (gate)
            {
                while (broken is null && sent - taken >= UnderWay)
                    if (!Monitor.Wait(gate, Timeout)) broken = $"{Peer} took none of {UnderWay} pieces for {Timeout.TotalSeconds:0.###} s";
                if (broken is not null) throw new ChannelException(broken);
                number = sent++;
            }
            peer.Tell(new Messages.Piece(connection, !isReceiver, number, piece), self);
        }
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer)
    {
        if (at == current.Length)
        {
            lock (gate)
            {
                while (arrived.Count == 0)
                {
                    if (broken is not null) throw new ChannelException(broken);
                    if (ended) return 0;
                    if (!Monitor.Wait(gate, Timeout)) return -1;
                }
                current = arrived.Dequeue();
                at = 0;
                consumed++;
            }
            if (consumed % (UnderWay / 4) == 0) peer.Tell(new Messages.PiecesTaken(connection, isReceiver, consumed), self);
        }
        int count = Math.Min(buffer.Length, current.Length - at);
        current.AsSpan(at, count).CopyTo(buffer);
        at += count;
        return count;
    }

    /// <summary>A piece is here; called by the node's channel actor.</summary>
    public void OnPiece(Messages.Piece piece)
    {
        lock (gate)
        {
            if (piece.Bytes.Length == 0) ended = true;
            else if (piece.Number != received || arrived.Count >= 2 * UnderWay || piece.Bytes.Length > PieceBytes) broken ??= $"{Peer} sent piece {piece.Number}, expected {received}";
            else
            {
                received++;
                arrived.Enqueue(piece.Bytes);
            }
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>The peer took pieces.</summary>
    public void OnTaken(long number)
    {
        lock (gate)
        {
            taken = Math.Clamp(number, taken, sent);
            Monitor.PulseAll(gate);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (gate)
        {
            if (broken == ClosedHere) return;
            broken = ClosedHere;
            Monitor.PulseAll(gate);
        }
        peer.Tell(new Messages.Piece(connection, !isReceiver, -1, []), self);
        self.Tell(new Closed(connection, isReceiver), ActorRefs.NoSender);
    }

    private const string ClosedHere = "the connection was closed here";

    /// <summary>To the node's channel actor: the link is no more.</summary>
    internal sealed record Closed(Guid Connection, bool IsReceiver) : INoSerializationVerificationNeeded;
}
