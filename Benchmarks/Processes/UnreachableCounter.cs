using Akka.Actor;
using Akka.Cluster;

namespace DistTrain.Benchmarks.Processes;

/// <summary>Counts how often the failure detector took a node for unreachable.</summary>
internal sealed class UnreachableCounter : UntypedActor
{
    private readonly Cluster cluster = Cluster.Get(Context.System);
    private readonly Action found;

    public UnreachableCounter(Action found) => this.found = found;

    protected override void PreStart() => cluster.Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember));

    protected override void PostStop() => cluster.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        if (message is ClusterEvent.UnreachableMember) found();
    }
}
