using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>What the coordinator orders; sent only when it changes, so it stands in no step's way.</summary>
public static class Schedule
{
    /// <summary>Coordinator to workers: who computes which logical shard, of every step that is not in the weights yet.</summary>
    /// <param name="Term">The coordinator's term.</param>
    /// <param name="Revision">Grows by one with each assignment of the term.</param>
    /// <param name="Owners">The owner of each shard, in shard order.</param>
    /// <param name="From">The clock that it holds from: everything below is in the weights already, whatever a worker has got of them.</param>
    [MessagePackObject]
    public sealed record Assignment(
        [property: Key(0)] Term Term, [property: Key(1)] Revision Revision, [property: Key(2)] ImmutableArray<WorkerId> Owners, [property: Key(3)] long From = 0) : IProtocolMessage;

    /// <summary>Coordinator to workers: steps below <paramref name="Until"/> may be computed.</summary>
    [MessagePackObject]
    public sealed record Horizon([property: Key(0)] Term Term, [property: Key(1)] Revision Revision, [property: Key(2)] long Until) : IProtocolMessage;

    /// <summary>Coordinator to workers: begin no further step, say how far you are. The answer is <see cref="Halted"/>; a horizon follows.</summary>
    [MessagePackObject]
    public sealed record Halt([property: Key(0)] Term Term, [property: Key(1)] Revision Revision) : IProtocolMessage;

    /// <summary>Worker to coordinator: it began no step from <paramref name="Next"/> on, and will not.</summary>
    [MessagePackObject]
    public sealed record Halted([property: Key(0)] Term Term, [property: Key(1)] Revision Revision, [property: Key(2)] WorkerId Worker, [property: Key(3)] long Next)
        : IProtocolMessage;

    /// <summary>Anyone to coordinator: stop after the step in progress.</summary>
    [MessagePackObject]
    public sealed record Stop([property: Key(0)] string Reason) : IProtocolMessage;

    /// <summary>Coordinator to everybody: the job is over.</summary>
    [MessagePackObject]
    public sealed record JobEnded([property: Key(0)] Term Term, [property: Key(1)] string Outcome) : IProtocolMessage;
}
