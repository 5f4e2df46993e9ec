using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>
/// What a receiver remembers of one sender across connections: which tensors are here, how much of the sender's window is given back.
/// </summary>
internal sealed class InboundSession(Guid id, long window)
{
    private readonly object gate = new();
    private readonly byte[] record = new byte[ControlRecord.Size];
    private ByteLink? link;
    private long taken;
    private long givenBack;
    private ControlRecord reported;
    private volatile bool idle;

    public Guid Id { get; } = id;

    public long Window => window;

    /// <summary>The sequence number up to which every tensor is here.</summary>
    public long Received { get; private set; }

    /// <summary>Bytes that the receiver's actors hold now.</summary>
    public long Held => Interlocked.Read(ref taken) - Interlocked.Read(ref givenBack);

    /// <summary>
    /// Ends the connection before, and waits until nothing reads there any more: what is still being copied from the sender's memory would be written over what comes again, when the sender has long used that memory for something else.
    /// </summary>
    /// <exception cref="ChannelException">Its reader does not come back in time.</exception>
    public void Displace(TimeSpan patience)
    {
        long began = Environment.TickCount64;
        lock (gate)
        {
            for (link?.Dispose(); link is { } old;)
            {
                var left = patience - TimeSpan.FromMilliseconds(Environment.TickCount64 - began);
                if (left <= TimeSpan.Zero || !Monitor.Wait(gate, left)) throw new ChannelException($"{old.Peer} comes again while what it sent before is still being read");
            }
        }
    }

    /// <summary>Goes on over another connection, which nobody else has begun meanwhile.</summary>
    public void Attach(ByteLink next)
    {
        lock (gate)
        {
            if (link is { } other) throw new ChannelException($"{other.Peer} opened two connections for one session");
            link = next;
            // What was given back since the hand-shake's welcome was written went nowhere: said again as soon as nothing comes.
            reported = new ControlRecord(-1, -1);
            idle = false;
        }
    }

    /// <summary>A connection has ended. What a session remembers is a few numbers: the connection, its buffers and its threads' memory are not kept for a sender that may never come back.</summary>
    public void Detach(ByteLink ended)
    {
        lock (gate)
        {
            if (link != ended) return;
            link = null;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>What to tell the sender at the hand-shake.</summary>
    public ControlRecord State()
    {
        lock (gate) return new ControlRecord(Received, givenBack);
    }

    /// <summary>The next tensor is here.</summary>
    public void Take(long sequence, long bytes)
    {
        lock (gate)
        {
            if (sequence != Received + 1) throw new ChannelException($"tensor {sequence} follows tensor {Received}");
            if (taken > givenBack && taken - givenBack + bytes > window) throw new ChannelException($"tensor {sequence} of {bytes} bytes exceeds the window of {window}, of which {taken - givenBack} are in use");
            Received = sequence;
            taken += bytes;
        }
    }

    /// <summary>A tensor is no longer needed. While more tensors come, the sender is told only now and then.</summary>
    public void GiveBack(long bytes)
    {
        lock (gate)
        {
            givenBack += bytes;
            if (idle || givenBack - reported.GivenBack >= window / 8) Report();
        }
    }

    /// <summary>Nothing comes any more: the sender is told what it does not know, and from now on at once.</summary>
    public void Flush()
    {
        lock (gate)
        {
            idle = true;
            if (reported != new ControlRecord(Received, givenBack)) Report();
        }
    }

    /// <summary>Something comes.</summary>
    public void Busy()
    {
        if (!idle) return;
        lock (gate) idle = false;
    }

    private void Report()
    {
        reported = new ControlRecord(Received, givenBack);
        reported.Write(record);
        try
        {
            link?.Send(record);
        }
        catch (ChannelException)
        {
            // The connection's own thread finds out; the next hand-shake says it again.
        }
    }
}
