using System.Diagnostics;
using DistTrain.Protocol;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>
/// Sends tensors to one node over a connection that it opens again whenever it breaks. Tensors wait by reference (<see cref="OutgoingLine"/>): nothing is copied, and a slow receiver costs no memory here.
/// What was sent and not confirmed is sent again over the next connection; the receiver says how far it got.
/// </summary>
internal sealed class TensorSender : IDisposable
{
    /// <summary>Opens a connection for a session, unless it is to stop: gives the link, what the receiver has, and its window.</summary>
    internal delegate (ByteLink Link, ControlRecord State, long Window) Connector(Guid session, CancellationToken stop);

    private const int GoodbyeTime = 500;

    private readonly object gate = new();
    private readonly OutgoingLine line = new();
    private readonly List<RouteName> routes = [];
    private readonly FrameWriter writer;
    private readonly ChannelOptions options;
    private readonly Connector connect;
    private readonly Action<string> report;
    private readonly Action broken;
    private readonly Action<string> refused;
    private readonly Action expired;
    private readonly CancellationTokenSource stopping = new();
    private readonly Thread thread;
    private Guid session = Guid.NewGuid();
    private ByteLink? link;
    private string? failure;
    private volatile bool stopped;
    private int disposed;
    private int routesSent;
    private long dropped;
    private long window;

    /// <summary>Begins to connect. <paramref name="broken"/> is called when a connection that was open is no more and nobody here closed it; <paramref name="refused"/>, with the reason, when no connection will ever do;
    /// <paramref name="expired"/> when none came about for <see cref="ChannelOptions.GiveUp"/>: whoever is told may dispose this, else it goes on trying.</summary>
    public TensorSender(string name, FrameRules rules, TensorMessages messages, ChannelOptions options, Connector connect, Action<string> report, Action? broken = null, Action<string>? refused = null, Action? expired = null)
    {
        this.broken = broken ?? (() => { });
        this.refused = refused ?? (_ => { });
        this.expired = expired ?? (() => { });
        writer = new FrameWriter(rules, messages);
        this.options = options;
        this.connect = connect;
        this.report = report;
        thread = new Thread(Run) { IsBackground = true, Name = $"to {name}" };
        thread.Start();
    }

    /// <summary>Tensors dropped because too many waited.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    /// <summary>Bytes of tensors sent so far, floats counted.</summary>
    public long SentBytes
    {
        get
        {
            lock (gate) return line.SentBytes;
        }
    }

    /// <summary>Whether a connection is open now.</summary>
    public bool IsConnected
    {
        get
        {
            lock (gate) return link is not null && failure is null;
        }
    }

    /// <summary>The number of a route, the same for the same names.</summary>
    public int RouteTo(RouteName name)
    {
        lock (gate)
        {
            int known = routes.IndexOf(name);
            if (known >= 0) return known;
            routes.Add(name);
            Monitor.PulseAll(gate);
            return routes.Count - 1;
        }
    }

    /// <summary>Puts a tensor in line; never waits.</summary>
    /// <exception cref="ArgumentException">The tensor breaks the job's rules, so that no receiver would take it.</exception>
    public void Send(int route, IProtocolMessage message, TensorSlice tensor, IDisposable? hold)
    {
        try
        {
            writer.Check(message, tensor);
        }
        catch
        {
            hold?.Dispose();
            throw;
        }
        lock (gate)
        {
            if (stopped || line.Waiting >= options.LongestQueue)
            {
                Interlocked.Increment(ref dropped);
            }
            else if (line.TryAdd(new Outgoing(message, tensor, route, hold)))
            {
                Monitor.PulseAll(gate);
                return;
            }
        }
        hold?.Dispose();
    }

    /// <summary>Takes no more tensors and begins to end; never waits.</summary>
    public void Stop()
    {
        lock (gate)
        {
            stopped = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Ends, and waits until it has: a moment, or longer where a name is being looked up.</summary>
    public void Dispose()
    {
        Stop();
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            // One that is still connecting has nothing to say goodbye for.
            stopping.Cancel();
            // Between two tensors the thread says goodbye and ends by itself; one that stands still in a send is cut off.
            if (!thread.Join(GoodbyeTime))
            {
                ByteLink? open;
                lock (gate) open = link;
                open?.Dispose();
            }
        }
        thread.Join();
        LetGo();
    }

    private void LetGo()
    {
        Outgoing[] left;
        lock (gate) left = line.Clear();
        foreach (var item in left) item.Hold?.Dispose();
    }

    private void Run()
    {
        var pause = options.Retry;
        long lost = Stopwatch.GetTimestamp();
        while (!stopped)
        {
            Thread? control = null;
            bool wasOpen = false;
            try
            {
                Open();
                pause = options.Retry;
                wasOpen = true;
                var opened = link!;
                var reading = new Thread(() => ReadControl(opened)) { IsBackground = true, Name = thread.Name + ", credit" };
                reading.Start();
                control = reading;
                Resend(opened);
                SendUntilBroken(opened);
            }
            catch (Exception error)
            {
                // Whatever it is, a connection's failure is never the node's.
                if (!stopped) report(error is ChannelException ? error.Message : $"{thread.Name}: {error.GetType().Name}: {error.Message}");
                if (!stopped && wasOpen) broken();
                if (error is ChannelException { IsFinal: true })
                {
                    GiveUp(error.Message);
                    return;
                }
            }
            if (stopped) SayGoodbye();
            Close();
            control?.Join();
            if (wasOpen) lost = Stopwatch.GetTimestamp();
            else if (!stopped && Stopwatch.GetElapsedTime(lost) > options.GiveUp) expired();
            lock (gate)
                if (!stopped) Monitor.Wait(gate, pause);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, options.LongestRetry.Ticks));
        }
    }

    private void GiveUp(string reason)
    {
        lock (gate)
        {
            if (stopped) return;
            stopped = true;
        }
        // Nobody else touches what waits from here on.
        LetGo();
        refused(reason);
    }

    private void SayGoodbye()
    {
        try
        {
            if (link is { } open && failure is null) writer.WriteGoodbye(open, "its node ends");
        }
        catch (Exception)
        {
            // The peer finds the connection closed, which says the same.
        }
    }

    private void Open()
    {
        var (opened, state, allowed) = connect(session, stopping.Token);
        writer.Reset();
        lock (gate)
        {
            link = opened;
            failure = null;
            routesSent = 0;
            window = allowed;
            if (stopped) throw new ChannelException("stopped");
            if (!line.CanGoOn(state)) StartOver();
            else line.Confirm(state with { GivenBack = Math.Min(state.GivenBack, line.SentBytes) }, opened.Peer);
        }
    }

    /// <summary>The receiver knows nothing of the session (it is a new process, or was away too long): begin another one with all that is not confirmed.</summary>
    private void StartOver()
    {
        session = Guid.NewGuid();
        line.StartOver();
        throw new ChannelException($"{link!.Peer} does not know this session; a new one begins");
    }

    private void Resend(ByteLink opened)
    {
        Outgoing[] again;
        lock (gate) again = line.Unconfirmed;
        SendRoutes(opened);
        foreach (var item in again) writer.Write(opened, item);
    }

    private void SendUntilBroken(ByteLink opened)
    {
        while (true)
        {
            var item = Next();
            SendRoutes(opened);
            if (item is not null) writer.Write(opened, item);
        }
    }

    private void SendRoutes(ByteLink opened)
    {
        while (true)
        {
            RouteName name;
            lock (gate)
            {
                if (routesSent == routes.Count) return;
                name = routes[routesSent++];
            }
            writer.WriteRoute(opened, routesSent - 1, name);
        }
    }

    /// <summary>Waits for a tensor and for credit to send it.</summary>
    private Outgoing? Next()
    {
        lock (gate)
        {
            while (true)
            {
                if (stopped) throw new ChannelException("stopped");
                if (failure is { } reason) throw new ChannelException(reason);
                if (routesSent < routes.Count) return null;
                if (line.TryTake(window) is { } item) return item;
                Monitor.Wait(gate);
            }
        }
    }

    private void ReadControl(ByteLink opened)
    {
        string reason = CreditReader.Run(opened, state =>
        {
            lock (gate)
            {
                line.Confirm(state, opened.Peer);
                Monitor.PulseAll(gate);
            }
        });
        lock (gate)
        {
            failure ??= reason;
            Monitor.PulseAll(gate);
        }
        // A send that stands still on this connection ends too.
        opened.Dispose();
    }

    private void Close()
    {
        ByteLink? open;
        lock (gate)
        {
            open = link;
            link = null;
            failure ??= "closed";
        }
        open?.Dispose();
    }
}
