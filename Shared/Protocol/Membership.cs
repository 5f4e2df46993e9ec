using System.Collections.Immutable;
using Akka.Actor;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>How workers come and go.</summary>
public static class Membership
{
    /// <summary>The protocol's version: nodes of different versions refuse each other.</summary>
    public const int ProtocolVersion = 4;

    /// <summary>Worker to coordinator, repeated until answered: takes part from now on.</summary>
    /// <param name="Version">The worker's <see cref="ProtocolVersion"/>.</param>
    /// <param name="Name">The node's name, the same in each of its incarnations.</param>
    /// <param name="Incarnation">Which lifetime of the node this is.</param>
    /// <param name="ProcessId">The operating system's process id, for people.</param>
    /// <param name="LayoutHash">The hash of the worker's parameter layout.</param>
    [MessagePackObject]
    public sealed record Join(
        [property: Key(0)] int Version, [property: Key(1)] string Name, [property: Key(2)] Incarnation Incarnation,
        [property: Key(3)] int ProcessId, [property: Key(4)] string LayoutHash) : IProtocolMessage;

    /// <summary>Coordinator to worker: the worker is in; it now fetches weights from the servers.</summary>
    [MessagePackObject]
    public sealed record Welcome(
        [property: Key(0)] JobId Job, [property: Key(1)] Term Term, [property: Key(2)] WorkerId Worker,
        [property: Key(3)] Incarnation Incarnation, [property: Key(4)] ImmutableArray<IActorRef> Servers) : IProtocolMessage;

    /// <summary>Gate to node, and desk to standby: it may not take part, and why. Read without the job's token, so that one of another job's is told too: whoever has been let in heeds none.</summary>
    [MessagePackObject]
    public sealed record Refused([property: Key(0)] string Reason) : IProtocolMessage;

    /// <summary>Coordinator to worker: it may not take part, and why.</summary>
    [MessagePackObject]
    public sealed record NotTaken([property: Key(0)] string Reason) : IProtocolMessage;

    /// <summary>
    /// Worker to coordinator, periodic: what it has heard of so far. The coordinator answers with the orders that were lost on the way.
    /// </summary>
    /// <param name="Worker">Who.</param>
    /// <param name="Incarnation">Its lifetime.</param>
    /// <param name="Term">The term it follows.</param>
    /// <param name="Assignment">The newest assignment it has.</param>
    /// <param name="Horizon">The newest horizon it has.</param>
    /// <param name="ComputeMs">Milliseconds that it computed for a step, on average, since the report before; 0 where it computed none.</param>
    [MessagePackObject]
    public sealed record Heartbeat(
        [property: Key(0)] WorkerId Worker, [property: Key(1)] Incarnation Incarnation, [property: Key(2)] Term Term,
        [property: Key(3)] Revision Assignment, [property: Key(4)] Revision Horizon, [property: Key(5)] double ComputeMs = 0) : IProtocolMessage;

    /// <summary>Worker to coordinator: goes by itself; its shards can move at once. Repeated while it has states that others may need; the answer is <see cref="Stay"/>, or the word to go.</summary>
    [MessagePackObject]
    public sealed record Leave([property: Key(0)] WorkerId Worker, [property: Key(1)] Incarnation Incarnation) : IProtocolMessage;

    /// <summary>Coordinator to a worker that goes by itself: what it has is still needed.</summary>
    /// <param name="Term">The coordinator's term.</param>
    /// <param name="Computes">Whether its shards have not moved yet, so that it computes them as before.</param>
    [MessagePackObject]
    public sealed record Stay([property: Key(0)] Term Term, [property: Key(1)] bool Computes = false) : IProtocolMessage;

    /// <summary>Failure detector to coordinator: a worker is unreachable, or its channel broke.</summary>
    [MessagePackObject]
    public sealed record Lost([property: Key(0)] WorkerId Worker, [property: Key(1)] Incarnation Incarnation, [property: Key(2)] double SilentMs) : IProtocolMessage;

    /// <summary>Coordinator to a worker that it had given up, or does not know: join again.</summary>
    [MessagePackObject]
    public sealed record Rejoin([property: Key(0)] Term Term) : IProtocolMessage;
}
