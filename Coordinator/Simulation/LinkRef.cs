using Akka.Actor;

namespace DistTrain.Coordinator.Simulation;

/// <summary>What stands for an actor on the other nodes: telling it something puts a message on the network.</summary>
internal sealed class LinkRef(ActorPath path, IActorRefProvider provider, SimulatedNode node, Action<SimulatedNode, object, IActorRef> send) : MinimalActorRef
{
    public override ActorPath Path { get; } = path;

    public override IActorRefProvider Provider { get; } = provider;

    /// <summary>The real actor behind it; null while its node is down.</summary>
    public IActorRef? Actor { get; set; }

    public SimulatedNode Node { get; } = node;

    protected override void TellInternal(object message, IActorRef sender) => send(Node, message, sender);
}
