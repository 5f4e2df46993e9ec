using System.Diagnostics;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Transport;
using DistTrain.Transport.Frames;

namespace DistTrain.Coordinator.Simulation;

/// <summary>
/// The network between simulated nodes. Messages of one sender to one receiver keep their order, as Akka's do; those of different senders need not. What passes within a node is neither late nor lost.
/// </summary>
internal sealed class SimulatedNetwork(EventQueue queue, Random random, SimulationTrace trace)
{
    private readonly Dictionary<IActorRef, LinkRef> addresses = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(LinkRef, LinkRef), long> lastArrival = [];
    private double duplicateShare, lossShare;
    private long duplicateUntil, lossUntil;
    private SimulatedNode? lossAt;

    /// <summary>Until when messages of different senders overtake each other widely.</summary>
    public long ReorderUntil { get; set; }

    /// <summary>Told each message that a node sends or gets, before it does.</summary>
    public Action<SimulatedNode>? AtBoundary { get; set; }

    /// <summary>Keeps what a message's tensor shows as it is until it has arrived; may be null.</summary>
    public Func<object, IDisposable?>? Hold { get; set; }

    /// <summary>Told everything that is sent.</summary>
    public Action<object>? Sent { get; set; }

    /// <summary>Told everything that arrives.</summary>
    public Action<object>? Arrived { get; set; }

    public void Duplicate(long until, double share) => (duplicateUntil, duplicateShare) = (until, share);

    public void Lose(long until, SimulatedNode node, double share) => (lossUntil, lossAt, lossShare) = (until, node, share);

    public LinkRef Address(SimulationHost host, SimulatedNode node, string name)
    {
        LinkRef? address = null;
        address = new LinkRef(host.NewPath(name), host.Provider, node, (_, message, sender) => Send(address!, message, sender));
        return address;
    }

    /// <summary>From now on the address leads to this actor.</summary>
    public void Bind(LinkRef address, IActorRef actor)
    {
        address.Actor = actor;
        addresses[actor] = address;
    }

    public void Unbind(LinkRef address) => address.Actor = null;

    private void Send(LinkRef to, object message, IActorRef sender)
    {
        long began = Stopwatch.GetTimestamp();
        // An actor that is being made tells things before it is bound: those come from nowhere and are not sent.
        if (!addresses.TryGetValue(sender, out var from)) from = null;
        Send(from, to, message);
        from?.Node.LeaveOut(began);
    }

    private void Send(LinkRef? from, LinkRef to, object message)
    {
        if (from is not null && from.Node != to.Node) AtBoundary?.Invoke(from.Node);
        // A node that died within a message sends nothing any more.
        if (from is { Node.IsAlive: false }) return;
        Sent?.Invoke(message);
        if (from?.Node == to.Node)
        {
            queue.Add(0, to.Node, () => Deliver(from, to, message));
            return;
        }
        if (from is null || IsCut(from.Node) || IsCut(to.Node) || IsLost(from.Node, to.Node)) return;
        Enqueue(from, to, message);
        if (queue.Microseconds < duplicateUntil && random.NextDouble() < duplicateShare) Enqueue(from, to, message);
    }

    private void Enqueue(LinkRef from, LinkRef to, object message)
    {
        long delay = random.NextInt64(100, 500);
        if (queue.Microseconds < ReorderUntil) delay += random.NextInt64(8_000);
        if (queue.Microseconds < from.Node.DelayedUntil || queue.Microseconds < to.Node.DelayedUntil) delay += random.NextInt64(5_000, 20_000);
        long arrival = queue.Microseconds + delay;
        ref long known = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(lastArrival, (from, to), out _);
        known = arrival = Math.Max(arrival, known);
        var hold = Hold?.Invoke(message);
        queue.AddAt(arrival, to.Node, () =>
        {
            Deliver(from, to, message);
            hold?.Dispose();
        });
    }

    private void Deliver(LinkRef from, LinkRef to, object message)
    {
        if (from.Node != to.Node) AtBoundary?.Invoke(to.Node);
        if (to.Actor is not { } actor || (from.Node != to.Node && IsCut(to.Node))) return;
        long began = Stopwatch.GetTimestamp();
        Arrived?.Invoke(message);
        trace.Add(queue.Microseconds, from.Node.Number, to.Node.Number, message is TensorArrived tensor ? tensor.Header : message);
        bool isWanted = message is not TensorArrived { Header: Weights.Published published } weights || to.Node.Weights is not { } placer || TryPlace(weights, published, placer, out message);
        to.Node.LeaveOut(began);
        if (isWanted) actor.Tell(message, from);
    }

    /// <summary>As a tensor channel does: the floats go where the receiving node wants them; false where it does not.</summary>
    private static bool TryPlace(TensorArrived weights, Weights.Published published, ITensorPlacer placer, out object placed)
    {
        placed = weights;
        var header = new FrameHeader { Step = published.Version, Bucket = published.Bucket };
        if (placer.Place(header, out var place, out _) != Placement.Take) return false;
        weights.Tensor.Span.CopyTo(place.Span);
        placer.Arrived(header);
        placed = weights with { Tensor = place };
        return true;
    }

    private bool IsCut(SimulatedNode node) => queue.Microseconds < node.CutOffUntil;

    private bool IsLost(SimulatedNode from, SimulatedNode to) =>
        queue.Microseconds < lossUntil && (from == lossAt || to == lossAt) && random.NextDouble() < lossShare;
}
