using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;
using Messages = DistTrain.Protocol.Channels;

namespace DistTrain.Transport;

public sealed partial class ChannelHub
{
    /// <summary>The connections to one other node: one, and over TCP some more, each made when a bucket first takes it.</summary>
    private sealed class Outbound : IDisposable
    {
        private readonly ChannelHub hub;
        private readonly Address address;
        private volatile bool isExpired;
        private readonly TensorSender?[] senders;
        private volatile int inUse = 1;
        private ChannelKind kind = ChannelKind.Tcp;
        private volatile bool closed;

        public Outbound(ChannelHub hub, Address address)
        {
            this.hub = hub;
            this.address = address;
            senders = new TensorSender?[Math.Max(1, hub.options.Channel.Connections)];
            senders[0] = NewSender(0);
        }

        /// <summary>The node.</summary>
        public Address Address => address;

        /// <summary>Whether the node could not be reached for so long that nothing is tried any more.</summary>
        public bool IsExpired
        {
            get => isExpired;
            set => isExpired = value;
        }

        /// <summary>Connections that there may be.</summary>
        public int Most => senders.Length;

        /// <summary>The connection that a bucket's tensors take, and its number; tensors that are no bucket's take the first.</summary>
        public TensorSender SenderOf(int bucket, out int number)
        {
            number = bucket > 0 ? bucket % inUse : 0;
            return Volatile.Read(ref senders[number]) ?? Add(number);
        }

        /// <summary>What a connection comes to while this node or the other one ends is no news.</summary>
        private void Report(string line)
        {
            if (!hub.stopped && !closed) hub.context.Report(line);
        }

        public (Messages.Offer Offer, IActorRef Hub)? Answer { get; set; }

        public ChannelStatus Status
        {
            get
            {
                var open = senders.OfType<TensorSender>().ToList();
                return new(address.ToString(), kind, open[0].IsConnected, open.Sum(sender => sender.SentBytes), open.Sum(sender => sender.Dropped));
            }
        }

        /// <summary>Takes no more tensors and begins to end; never waits.</summary>
        public void Stop()
        {
            lock (hub.gate)
            {
                closed = true;
                Monitor.PulseAll(hub.gate);
            }
            foreach (var sender in senders) sender?.Stop();
        }

        public void Dispose()
        {
            Stop();
            foreach (var sender in senders) sender?.Dispose();
        }

        private TensorSender Add(int number)
        {
            lock (hub.gate)
            {
                // A closed one takes tensors and drops them.
                if (closed) return senders[0]!;
                if (senders[number] is null) Volatile.Write(ref senders[number], NewSender(number));
                return senders[number]!;
            }
        }

        private TensorSender NewSender(int number) => new(
            address.ToString(), hub.options.Rules, hub.context.Messages, hub.options.Channel, (session, stop) => Open(session, number, stop), Report,
            () => hub.options.Broken(address), reason => hub.options.Refused(address, reason), () => hub.Expire(this));

        private (ByteLink Link, ControlRecord State, long Window) Open(Guid session, int number, CancellationToken stop)
        {
            // Asked each time: a node that came back listens elsewhere and has another secret.
            var (offer, peer) = Ask();
            var link = hub.options.Choice == ChannelChoice.Akka || offer.Port == 0 ? OverAkka(peer) : OverTcp(offer, peer, stop);
            var wanted = link is AkkaLink ? ChannelKind.Akka : number > 0 ? ChannelKind.Tcp : hub.options.Choice is ChannelChoice.Auto or ChannelChoice.SharedMemory ? ChannelKind.SharedMemory : ChannelKind.Tcp;
            var opened = hub.context.Connect(link, session, wanted, offer.Secret, stop);
            if (hub.options.Choice == ChannelChoice.SharedMemory && opened.Kind != ChannelKind.SharedMemory)
            {
                opened.Link.Dispose();
                throw new ChannelException($"{hub.OwnAddress} and {address} share no memory, and --channel shm allows nothing else: give --channel auto") { IsFinal = true };
            }
            if (number > 0) return (opened.Link, opened.State, opened.Window);
            kind = opened.Kind;
            inUse = kind == ChannelKind.Tcp ? senders.Length : 1;
            hub.context.Report($"tensors to {address} travel over {kind.Name()}");
            return (opened.Link, opened.State, opened.Window);
        }

        private (Messages.Offer Offer, IActorRef Hub) Ask()
        {
            var deadline = DateTime.UtcNow + hub.options.Channel.HandshakeTimeout;
            lock (hub.gate) Answer = null;
            hub.system.ActorSelection(new RootActorPath(address) / "user" / HubActor.Name).Tell(new Messages.Wanted(hub.options.Rules.Job), hub.actor);
            lock (hub.gate)
            {
                while (Answer is null)
                {
                    var left = deadline - DateTime.UtcNow;
                    if (closed || hub.stopped || left <= TimeSpan.Zero) throw new ChannelException($"{address} did not say within {hub.options.Channel.HandshakeTimeout.TotalSeconds:0.###} s where it takes tensors");
                    Monitor.Wait(hub.gate, left);
                }
                return Answer.Value;
            }
        }

        private ByteLink OverTcp(Messages.Offer offer, IActorRef peer, CancellationToken stop)
        {
            try
            {
                return TcpConnector.Connect(offer.Host, offer.Port, hub.options.Identity, hub.options.Channel.HandshakeTimeout, stop);
            }
            catch (ChannelException error) when (hub.options.Choice == ChannelChoice.Auto && !closed)
            {
                hub.context.Report($"{error.Message}; tensors to {address} go over the control plane");
                return OverAkka(peer);
            }
        }

        private AkkaLink OverAkka(IActorRef peer)
        {
            var link = new AkkaLink(Guid.NewGuid(), isReceiver: false, peer, hub.actor);
            hub.actor.Tell(new HubActor.Opened(link), ActorRefs.NoSender);
            return link;
        }
    }

    /// <summary>The channel to one actor of another node.</summary>
    private sealed class RemoteChannel(ChannelHub hub, Outbound node, RouteName name) : ITensorChannel
    {
        // The node's connections, and the number of the route on each, one more than it is; 0 where it was not asked for yet.
        private volatile Tuple<Outbound, int[]> way = Tuple.Create(node, new int[node.Most]);

        public void Send(IProtocolMessage header, TensorSlice tensor, IDisposable? done = null)
        {
            int bucket = header switch
            {
                Gradients.Contribution contribution => contribution.What.Bucket,
                Weights.Published published => published.Bucket,
                _ => 0,
            };
            var (node, routes) = way;
            if (node.IsExpired)
            {
                node = hub.Renew(node);
                way = Tuple.Create(node, routes = new int[node.Most]);
            }
            var sender = node.SenderOf(bucket, out int number);
            if (routes[number] == 0) routes[number] = sender.RouteTo(name) + 1;
            var held = hub.options.Hold?.Invoke(header);
            sender.Send(routes[number] - 1, header, tensor, held is null ? done : done is null ? held : new Both(held, done));
        }

        private sealed class Both(IDisposable first, IDisposable second) : IDisposable
        {
            public void Dispose()
            {
                first.Dispose();
                second.Dispose();
            }
        }
    }
}
