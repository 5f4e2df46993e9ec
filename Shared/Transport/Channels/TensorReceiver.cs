using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>The two ends of a route on this node, and who says where the receiver's tensors go.</summary>
internal sealed record ResolvedRoute(IActorRef Receiver, IActorRef Sender, ITensorPlacer Placer);

/// <summary>Reads one connection's tensors and tells the actors that they are for.</summary>
internal sealed class TensorReceiver : ITensorPlacer
{
    private const int MostRoutes = 4096;

    private readonly FrameRules rules;
    private readonly TensorMessages messages;
    private readonly InboundSession session;
    private readonly Func<RouteName, ResolvedRoute?> resolve;
    private readonly FrameReader reader;
    private readonly Dictionary<int, RouteName> routes = [];
    private readonly Dictionary<int, ResolvedRoute> resolved = [];

    public TensorReceiver(FrameRules rules, TensorMessages messages, InboundSession session, Func<RouteName, ResolvedRoute?> resolve)
    {
        this.rules = rules;
        this.messages = messages;
        this.session = session;
        this.resolve = resolve;
        reader = new FrameReader(rules, this);
    }

    /// <summary>Runs until the connection ends.</summary>
    /// <returns>The sender's reason, or null where it just closed the connection.</returns>
    /// <exception cref="ChannelException">The connection cannot go on.</exception>
    public string? Run(ByteLink link)
    {
        Action onIdle = session.Flush;
        var turns = ActorTurns.OfThisThread;
        turns.Open();
        try
        {
            while (reader.TryRead(link, out var frame, onIdle))
            {
                session.Busy();
                switch (frame.Header.Kind)
                {
                    case FrameKind.Route:
                        AddRoute(link, frame.Header.Route);
                        break;
                    case FrameKind.Memory:
                        break;
                    case FrameKind.Goodbye:
                        return reader.Text;
                    default:
                        Deliver(link, frame);
                        break;
                }
                turns.Run();
            }
            return null;
        }
        finally
        {
            turns.Close();
        }
    }

    private void AddRoute(ByteLink link, int route)
    {
        string[] parts = reader.Text.Split('\n');
        if (parts.Length != 2 || routes.Count >= MostRoutes) throw new ChannelException($"{link.Peer}: route {route} is malformed, or one of more than {MostRoutes}");
        routes[route] = new RouteName(parts[0], parts[1]);
        resolved.Remove(route);
    }

    /// <summary>Finds an actor here. One that is not there (any more, or yet): what is for it is dropped, as a message would be.</summary>
    private ResolvedRoute? Find(int route)
    {
        if (resolved.TryGetValue(route, out var known)) return known;
        if (resolve(routes[route]) is not { } found) return null;
        resolved.Add(route, found);
        return found;
    }

    /// <inheritdoc/>
    Placement ITensorPlacer.Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        destination = default;
        lease = null;
        if (!routes.ContainsKey(header.Route)) return Placement.Refuse;
        if (Find(header.Route) is not { } route) return Placement.Discard;
        if (header.Floats > 0) return route.Placer.Place(header, out destination, out lease);
        return Placement.Take;
    }

    /// <inheritdoc/>
    bool ITensorPlacer.MayStay(in FrameHeader header) => header.Floats > 0 && routes.ContainsKey(header.Route) && Find(header.Route) is { } route && route.Placer.MayStay(header);

    private void Deliver(ByteLink link, in Incoming frame)
    {
        long bytes = Math.Max(1, (long)frame.Header.Floats * sizeof(float));
        bool delivered = false;
        try
        {
            var message = messages.Read(reader.Message);
            if (FrameHeader.Of(rules.Job, message) is var named && (named.Step != frame.Header.Step || named.Bucket != frame.Header.Bucket || named.Lo != frame.Header.Lo || named.Hi != frame.Header.Hi))
                throw new ChannelException($"{link.Peer}: a frame of bucket {frame.Header.Bucket}, step {frame.Header.Step} carries a message of bucket {named.Bucket}, step {named.Step}");
            session.Take(frame.Header.Sequence, bytes);
            if (frame.Placement == Placement.Take && Find(frame.Header.Route) is { } route)
            {
                // A place that is not lent is given back at once; one that is, when its lease is.
                var lease = frame.Lease is null ? null : new CreditLease(session, bytes, frame.Lease);
                delivered = true;
                if (frame.Header.Floats > 0) route.Placer.Arrived(frame.Header);
                route.Receiver.Tell(new TensorArrived(message, frame.Tensor, lease), route.Sender);
                if (lease is not null) return;
            }
        }
        finally
        {
            if (!delivered) frame.Lease?.Dispose();
        }
        session.GiveBack(bytes);
    }

    /// <summary>Gives a place back to its owner and its bytes to the sender's window, once.</summary>
    private sealed class CreditLease(InboundSession session, long bytes, IDisposable place) : IDisposable
    {
        private int disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) != 0) return;
            place.Dispose();
            session.GiveBack(bytes);
        }
    }
}
