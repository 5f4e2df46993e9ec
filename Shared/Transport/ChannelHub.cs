using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using Akka.Actor;
using Akka.Serialization;
using DistTrain.Protocol;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;
using Messages = DistTrain.Protocol.Channels;

namespace DistTrain.Transport;

/// <summary>
/// A node's tensor channels. Actors here that take tensors are registered with the place for them; a channel to any other actor is opened by <see cref="Connect"/>, and how tensors travel follows from where that actor is:
/// by reference within the process, through shared memory on one host, else over TCP, or, where no connection can be made, in pieces over the control plane. There is one connection for each pair of nodes and direction, over TCP several.
/// </summary>
public sealed partial class ChannelHub : IDisposable
{
    private readonly object gate = new();
    private readonly Dictionary<string, (IActorRef Actor, ITensorPlacer Placer)> receivers = [];
    private readonly Dictionary<Address, Outbound> nodes = [];
    private readonly HashSet<Thread> closing = [];
    private readonly ActorSystem system;
    private readonly ChannelHubOptions options;
    private readonly ChannelContext context;
    private readonly TcpListenerThread? listener;
    private readonly IActorRef actor;
    private bool stopped;

    /// <summary>Begins to listen.</summary>
    /// <param name="system">The node's actor system; one hub for each.</param>
    /// <param name="options">What it needs.</param>
    /// <exception cref="UserErrorException">The address or port cannot be used.</exception>
    public ChannelHub(ActorSystem system, ChannelHubOptions options)
    {
        this.system = system;
        this.options = options = options with { Channel = options.Channel.For(options.Rules, options.Staleness) };
        byte[] secret = RandomNumberGenerator.GetBytes(32);
        context = new ChannelContext(options.Rules, secret, new TensorMessages(system), options.Channel, Resolve, options.Report);
        if (options.Choice != ChannelChoice.Akka)
        {
            listener = new TcpListenerThread(context, new IPEndPoint(AddressOf(options.BindHost), options.Port), options.Identity);
            Port = listener.Port;
        }
        var offer = new Messages.Offer(options.Rules.Job, options.PublicHost ?? options.BindHost, Port == 0 ? 0 : options.PublicPort ?? Port, secret);
        actor = system.ActorOf(Props.Create(() => new HubActor(context, offer, OnOffer)), HubActor.Name);
    }

    /// <summary>The channel's port; 0 where there is none.</summary>
    public int Port { get; }

    /// <summary>Lets tensors reach an actor here.</summary>
    /// <param name="receiver">The actor.</param>
    /// <param name="placer">Says where its tensors go. Called on connections' threads, several at a time.</param>
    public void Register(IActorRef receiver, ITensorPlacer placer)
    {
        lock (gate) receivers[LocalName(receiver)] = (receiver, placer);
    }

    /// <summary>Tensors for an actor are dropped from now on.</summary>
    public void Unregister(IActorRef receiver)
    {
        lock (gate) receivers.Remove(LocalName(receiver));
    }

    /// <summary>A channel to an actor anywhere; the connection is opened in the background and opened again whenever it breaks.</summary>
    /// <param name="receiver">Whom tensors are for; on another node, registered there.</param>
    /// <param name="sender">Whom they are from.</param>
    public ITensorChannel Connect(IActorRef receiver, IActorRef sender)
    {
        var address = receiver.Path.Address;
        if (address.HasLocalScope || address == OwnAddress) return new InProcessChannel(receiver, sender);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopped, this);
            return new RemoteChannel(this, NodeAt(address), new RouteName(LocalName(receiver), Serialization.SerializedActorPath(sender)));
        }
    }

    /// <summary>Closes the channels to a node that has left for good: they take nothing more, and end in the background.</summary>
    public void Disconnect(Address address)
    {
        lock (gate)
            if (nodes.Remove(address, out var node)) EndInBackground(node);
    }

    /// <summary>How tensors travel to each node.</summary>
    public ImmutableArray<ChannelStatus> Status()
    {
        lock (gate) return [.. nodes.Values.Select(node => node.Status).OrderBy(status => status.Peer, StringComparer.Ordinal)];
    }

    /// <summary>Closes everything.</summary>
    public void Dispose()
    {
        Outbound[] open;
        Thread[] ending;
        lock (gate)
        {
            if (stopped) return;
            stopped = true;
            open = [.. nodes.Values];
            ending = [.. closing];
            foreach (var node in open) node.Stop();
        }
        foreach (var node in open) node.Dispose();
        foreach (var thread in ending) thread.Join();
        listener?.Dispose();
        context.Stop();
        system.Stop(actor);
    }

    /// <summary>The connections to a node, new ones where there are none; to be called under the lock.</summary>
    private Outbound NodeAt(Address address)
    {
        if (!nodes.TryGetValue(address, out var node)) nodes[address] = node = new Outbound(this, address);
        return node;
    }

    /// <summary>Whoever could not be reached for long may be there again: those to its node anew.</summary>
    private Outbound Renew(Outbound expired)
    {
        lock (gate) return stopped ? expired : NodeAt(expired.Address);
    }

    /// <summary>A node cannot be reached: nothing is kept for it.</summary>
    private void Expire(Outbound node)
    {
        lock (gate)
        {
            if (stopped || !nodes.TryGetValue(node.Address, out var known) || known != node) return;
            nodes.Remove(node.Address);
            node.IsExpired = true;
            EndInBackground(node);
        }
    }

    /// <summary>A connection's end may take seconds, which no actor is to stand still for.</summary>
    private void EndInBackground(Outbound node)
    {
        node.Stop();
        Thread thread = null!;
        thread = new Thread(() =>
        {
            node.Dispose();
            lock (gate) closing.Remove(thread);
        }) { IsBackground = true, Name = $"end of channels to {node.Address}" };
        closing.Add(thread);
        thread.Start();
    }

    private Address OwnAddress => ((ExtendedActorSystem)system).Provider.DefaultAddress;

    private static string LocalName(IActorRef actor) => $"{actor.Path.ToStringWithoutAddress()}#{actor.Path.Uid}";

    private static IPAddress AddressOf(string host) =>
        IPAddress.TryParse(host, out var address) ? address
        : Dns.GetHostAddresses(host).FirstOrDefault() ?? throw new UserErrorException($"the channel's host '{host}' has no address");

    private ResolvedRoute? Resolve(RouteName name)
    {
        lock (gate)
        {
            return receivers.TryGetValue(name.Receiver, out var known)
                ? new ResolvedRoute(known.Actor, ((ExtendedActorSystem)system).Provider.ResolveActorRef(name.Sender), known.Placer)
                : null;
        }
    }

    private void OnOffer(Address address, Messages.Offer offer, IActorRef hub)
    {
        lock (gate)
        {
            if (!nodes.TryGetValue(address, out var node)) return;
            node.Answer = (offer, hub);
            Monitor.PulseAll(gate);
        }
    }
}
