using System.Runtime.CompilerServices;

namespace DistTrain.Transport.Links;

/// <summary>
/// One direction through a <see cref="SharedRing"/>, the other (a few bytes now and then) and the wake-ups over the socket of the hand-shake. What the writer sends and the reader receives goes through the ring.
/// </summary>
public sealed class RingLink : ByteLink
{
    // Pieces small enough that the other end can copy one while the next is written.
    private const int Piece = 128 << 10;
    private const byte Space = 0;
    private const int ShortSpins = 40;

    private readonly ByteLink socket;
    private readonly SharedRing ring;
    private readonly bool isWriter;
    private readonly bool reachesMemory;
    private readonly ManualResetEventSlim space = new(false, 0);
    private readonly byte[] wakes = new byte[64];
    private readonly byte[] record = new byte[256];
    private readonly Lock ringUse = new();
    private readonly Lock socketUse = new();
    private volatile string? broken;
    private int recordStart;
    private int recordEnd;
    private TimeSpan timeout;

    /// <summary>Takes over a socket and a ring.</summary>
    public RingLink(ByteLink socket, SharedRing ring, bool isWriter, bool reachesMemory = false)
    {
        this.reachesMemory = reachesMemory;
        this.socket = socket;
        this.ring = ring;
        this.isWriter = isWriter;
    }

    /// <inheritdoc/>
    public override string Peer => socket.Peer;

    /// <inheritdoc/>
    public override bool WaitBriefly()
    {
        if (isWriter) return socket.WaitBriefly();
        for (int i = 0; i < ShortSpins; i++)
        {
            if (WithRing(static ring => ring.Used() > 0)) return true;
            Thread.SpinWait(20);
        }
        return false;
    }

    /// <inheritdoc/>
    public override TimeSpan Timeout
    {
        get => timeout;
        set => socket.Timeout = timeout = value;
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> bytes)
    {
        if (isWriter) Write(bytes, wakes: true);
        else SendRecord(bytes);
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        if (!isWriter)
        {
            base.Send(first, second, third);
            return;
        }
        // The reader is woken when there is something worth waking for.
        Write(first, wakes: second.IsEmpty && third.IsEmpty);
        Write(second, wakes: true);
        Write(third, wakes: true);
    }

    /// <inheritdoc/>
    public override bool CanSum => isWriter;

    /// <inheritdoc/>
    public override bool ReachesMemory => reachesMemory;

    /// <inheritdoc/>
    public override void SendSummed(ReadOnlySpan<byte> bytes, ref uint checksum)
    {
        if (isWriter) Write(bytes, wakes: true, ref checksum);
        else base.SendSummed(bytes, ref checksum);
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer) => isWriter ? ReceiveRecord(buffer) : Read(buffer);

    /// <inheritdoc/>
    public override void Dispose()
    {
        broken ??= "closed here";
        socket.Dispose();
        space.Set();
        // Nobody copies from or to the ring any more once the lock is ours.
        lock (ringUse) ring.Dispose();
    }

    private void Write(ReadOnlySpan<byte> bytes, bool wakes) => Write(bytes, wakes, ref Unsafe.NullRef<uint>());

    private void Write(ReadOnlySpan<byte> bytes, bool wakes, ref uint checksum)
    {
        while (!bytes.IsEmpty)
        {
            int count;
            bool wake = false;
            lock (ringUse)
            {
                ThrowIfBroken();
                var piece = bytes[..Math.Min(bytes.Length, Piece)];
                count = Unsafe.IsNullRef(ref checksum) ? ring.TryWrite(piece) : ring.TryWrite(piece, ref checksum);
                if (wakes || count == 0) wake = ring.MustWakeReader();
            }
            bytes = bytes[count..];
            if (wake) socket.Send([Space]);
            if (count == 0) WaitForSpace();
        }
    }

    private void WaitForSpace()
    {
        for (int i = 0; i < ShortSpins; i++)
        {
            Thread.SpinWait(20);
            if (WithRing(static ring => ring.Free() > 0)) return;
        }
        space.Reset();
        if (!WithRing(static ring => ring.WriterMaySleep())) return;
        if (broken is null && !space.Wait(timeout)) throw new ChannelException($"{Peer} took nothing out of the ring for {timeout.TotalSeconds:0.###} s");
    }

    private int Read(Span<byte> buffer)
    {
        bool ended = false;
        for (int spins = 0; ; spins++)
        {
            int count;
            bool wake = false;
            lock (ringUse)
            {
                ThrowIfBroken();
                count = ring.TryRead(buffer[..Math.Min(buffer.Length, Piece)]);
                if (count > 0) wake = ring.MustWakeWriter();
            }
            if (wake) lock (socketUse) socket.Send([Space]);
            if (count > 0) return count;
            if (ended) return 0;
            if (spins < ShortSpins)
            {
                Thread.SpinWait(20);
                continue;
            }
            if (!WithRing(static ring => ring.ReaderMaySleep())) continue;
            int woken = socket.Receive(wakes);
            if (woken < 0) return -1;
            ended = woken == 0;
        }
    }

    /// <summary>The reader's records go over the socket, each with its length in front; 0 wakes the writer.</summary>
    private void SendRecord(ReadOnlySpan<byte> bytes)
    {
        Span<byte> framed = stackalloc byte[256];
        framed[0] = checked((byte)bytes.Length);
        bytes.CopyTo(framed[1..]);
        lock (socketUse) socket.Send(framed[..(bytes.Length + 1)]);
    }

    private int ReceiveRecord(Span<byte> buffer)
    {
        while (recordStart == recordEnd)
        {
            int count = socket.Receive(record.AsSpan(0, 1));
            if (count < 0) return -1;
            if (count == 0)
            {
                broken ??= "ended by the peer";
                space.Set();
                return 0;
            }
            if (record[0] == Space)
            {
                space.Set();
                continue;
            }
            int length = record[0];
            socket.ReceiveExactly(record.AsSpan(0, length), "a record");
            (recordStart, recordEnd) = (0, length);
        }
        int taken = Math.Min(buffer.Length, recordEnd - recordStart);
        record.AsSpan(recordStart, taken).CopyTo(buffer);
        recordStart += taken;
        return taken;
    }

    private T WithRing<T>(Func<SharedRing, T> use)
    {
        lock (ringUse)
        {
            ThrowIfBroken();
            return use(ring);
        }
    }

    private void ThrowIfBroken()
    {
        if (broken is { } reason) throw new ChannelException($"the connection to {Peer} broke: {reason}");
    }
}
