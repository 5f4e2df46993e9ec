using System.Diagnostics;
using DistTrain.Protocol;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>
/// What all connections of a node share: the job and its secret, the rules, who is reachable here, and the sessions of those that send here.
/// </summary>
internal sealed class ChannelContext(FrameRules rules, ReadOnlyMemory<byte> secret, TensorMessages messages, ChannelOptions options, Func<RouteName, ResolvedRoute?> resolve, Action<string> report)
{
    private const int MostSessions = 1024;

    private readonly Lock gate = new();
    private readonly LinkedList<InboundSession> sessions = [];
    private readonly HashSet<ByteLink> open = [];
    private readonly StrangerLog strangers = new(report, options.StrangerPeriod);
    private bool stopped;
    private int inHandshake;

    public FrameRules Rules => rules;

    public TensorMessages Messages => messages;

    public ChannelOptions Options => options;

    public JobId Job => rules.Job;

    /// <summary>Bytes of tensors that were received for senders and are held by actors here.</summary>
    public long HeldBytes
    {
        get
        {
            lock (gate) return sessions.Sum(session => session.Held);
        }
    }

    /// <summary>Says something to people.</summary>
    public void Report(string line)
    {
        if (!stopped) report(line);
    }

    /// <summary>Says that a connection was none of the job's; not for each one, should many come.</summary>
    public void ReportStranger(string line)
    {
        if (!stopped) strangers.Add(line);
    }

    /// <summary>Takes over an accepted connection: hand-shake, then tensors until it ends. Never throws.</summary>
    /// <param name="link">The connection.</param>
    /// <param name="onOpened">Told the kind and the peer once the hand-shake is over.</param>
    public void Serve(ByteLink link, Action<ChannelKind, string>? onOpened = null)
    {
        var opened = link;
        bool isOurs = false;
        try
        {
            if (!Register(link)) return;
            var kind = ChannelKind.Tcp;
            InboundSession session = null!;
            using (var time = BeginHandshake(link)) opened = time.Within(() => new Handshake(Job.Value, secret).Accept(link, Find, out kind, out session));
            isOurs = true;
            opened.Timeout = options.StallTimeout;
            session.Attach(opened);
            onOpened?.Invoke(kind, link.Peer);
            try
            {
                string? goodbye = new TensorReceiver(rules, messages, session, resolve).Run(opened);
                if (goodbye is not null) Report($"{link.Peer} closed its channel: {goodbye}");
            }
            finally
            {
                session.Detach(opened);
            }
        }
        catch (ChannelException error)
        {
            if (isOurs) Report($"channel closed: {error.Message}");
            else ReportStranger($"channel closed: {error.Message}");
        }
        catch (Exception error)
        {
            // A connection's failure is never the node's.
            Report($"channel with {link.Peer} closed: {error.GetType().Name}: {error.Message}");
        }
        finally
        {
            opened.Dispose();
            link.Dispose();
            lock (gate) open.Remove(link);
        }
    }

    /// <summary>The sender's side of a hand-shake.</summary>
    /// <param name="link">The connection, taken over.</param>
    /// <param name="session">The sender's session.</param>
    /// <param name="kind">How tensors should travel, if the peer can.</param>
    /// <param name="theirs">The secret of the peer.</param>
    /// <param name="stop">Cuts it off.</param>
    public Handshake.Opened Connect(ByteLink link, Guid session, ChannelKind kind, ReadOnlyMemory<byte> theirs, CancellationToken stop = default)
    {
        using var stopping = stop.Register(link.Dispose);
        link.Timeout = options.HandshakeTimeout;
        using var deadline = new Timer(_ => link.Dispose(), null, options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
        var opened = new Handshake(Job.Value, theirs).Connect(link, session, kind, options.RingBytes);
        opened.Link.Timeout = options.StallTimeout;
        return opened;
    }

    /// <summary>Closes all connections.</summary>
    public void Stop()
    {
        ByteLink[] links;
        lock (gate)
        {
            stopped = true;
            links = [.. open];
        }
        strangers.Dispose();
        foreach (var link in links) link.Dispose();
    }

    private bool Register(ByteLink link)
    {
        lock (gate)
        {
            if (stopped) return false;
            open.Add(link);
            return true;
        }
    }

    private HandshakeTime BeginHandshake(ByteLink link)
    {
        if (Interlocked.Increment(ref inHandshake) > options.LargestBacklog)
        {
            Interlocked.Decrement(ref inHandshake);
            throw new ChannelException($"{link.Peer} was turned away: {options.LargestBacklog} connections are in their hand-shake already");
        }
        // The deadline comes first, so that a silent peer and a slow one get the same answer.
        link.Timeout = 2 * options.HandshakeTimeout;
        return new HandshakeTime(this, link);
    }

    private InboundSession Find(Guid id)
    {
        lock (gate)
        {
            for (var node = sessions.First; node is not null; node = node.Next)
            {
                if (node.Value.Id != id) continue;
                sessions.Remove(node);
                sessions.AddFirst(node);
                return node.Value;
            }
            if (sessions.Count >= MostSessions) sessions.RemoveLast();
            return sessions.AddFirst(new InboundSession(id, options.Window)).Value;
        }
    }

    /// <summary>Closes the connection when the hand-shake takes too long, however steadily its bytes drip in.</summary>
    private sealed class HandshakeTime : IDisposable
    {
        private readonly ChannelContext context;
        private readonly ByteLink link;
        private readonly Timer deadline;
        private readonly long began = Stopwatch.GetTimestamp();
        private volatile bool expired;

        public HandshakeTime(ChannelContext context, ByteLink link)
        {
            this.context = context;
            this.link = link;
            deadline = new Timer(_ => Expire(), null, context.Options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
        }

        public ByteLink Within(Func<ByteLink> accept)
        {
            try
            {
                return accept();
            }
            // The timer may come late, where the pool's threads are busy, and by this clock a little early.
            catch (ChannelException error) when (expired || Stopwatch.GetElapsedTime(began) >= context.Options.HandshakeTimeout)
            {
                throw new ChannelException($"{link.Peer} did not finish its hand-shake within {context.Options.HandshakeTimeout.TotalSeconds:0.###} s", error);
            }
        }

        private void Expire()
        {
            expired = true;
            link.Dispose();
        }

        public void Dispose()
        {
            deadline.Dispose();
            Interlocked.Decrement(ref context.inHandshake);
        }
    }
}
