using System.Collections.Immutable;
using Akka.Actor;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>How a node finds its coordinator, learns what the job is, and notices that one of them is gone. A job travels as names and numbers, never as code.</summary>
public static class Nodes
{
    /// <summary>Node to gate, repeated until answered: what may I do?</summary>
    /// <param name="Version">The node's <see cref="Membership.ProtocolVersion"/>.</param>
    /// <param name="Name">The node's name.</param>
    /// <param name="Incarnation">Which lifetime of the node this is.</param>
    /// <param name="ProcessId">The operating system's process id, for people.</param>
    /// <param name="Numerics">The best numerics level that it can run.</param>
    /// <param name="Proof">Proves that it knows the job's token; empty without one.</param>
    /// <param name="Line">The line of jobs that it took part in, or promised a standby to follow; empty for none.</param>
    /// <param name="Promised">The lowest term that it follows there.</param>
    [MessagePackObject]
    public sealed record Hello(
        [property: Key(0)] int Version, [property: Key(1)] string Name, [property: Key(2)] Incarnation Incarnation, [property: Key(3)] int ProcessId,
        [property: Key(4)] string Numerics, [property: Key(5)] byte[] Proof, [property: Key(6)] Guid Line = default, [property: Key(7)] Term Promised = default) : IProtocolMessage;

    /// <summary>Gate to node: the job, and what the node must come to by itself.</summary>
    /// <param name="Job">The job's id.</param>
    /// <param name="Term">The coordinator's term.</param>
    /// <param name="Options">The job as JSON.</param>
    /// <param name="Layout">The hash of the layout that its model must have.</param>
    /// <param name="Data">The fingerprint that its data must have.</param>
    /// <param name="DataSummary">The data's counts and shapes, for people.</param>
    /// <param name="Servers">Parameter servers, as the layout is cut for them.</param>
    /// <param name="BucketBytes">The largest bucket, in bytes.</param>
    /// <param name="Speculate">Whether idle workers help slow ones.</param>
    /// <param name="Coordinator">Whom its worker joins.</param>
    /// <param name="Line">What this job and all that goes on with it have in common: terms are compared within it.</param>
    [MessagePackObject]
    public sealed record Offer(
        [property: Key(0)] JobId Job, [property: Key(1)] Term Term, [property: Key(2)] string Options, [property: Key(3)] string Layout, [property: Key(4)] string Data,
        [property: Key(5)] string DataSummary, [property: Key(6)] int Servers, [property: Key(7)] int BucketBytes, [property: Key(8)] bool Speculate, [property: Key(9)] IActorRef Coordinator,
        [property: Key(10)] Guid Line = default) : IProtocolMessage;

    /// <summary>Node to gate: it cannot take part, and why; the gate tells people on its side. Gate to a node that takes part: it cannot any more, and why.</summary>
    [MessagePackObject]
    public sealed record Unfit([property: Key(0)] string Name, [property: Key(1)] string Reason) : IProtocolMessage;

    /// <summary>Node to gate, each second or more often: are you there?</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Name">The node's name.</param>
    /// <param name="Process">The node's process: a standby counts it once, whatever its name.</param>
    /// <param name="Beat">The newest answer's <see cref="Pong.Beat"/>; 0 before one.</param>
    /// <param name="HoldsMs">Milliseconds from that answer on in which the node promises nothing to a standby.</param>
    [MessagePackObject]
    public sealed record Ping(
        [property: Key(0)] JobId Job, [property: Key(1)] string Name, [property: Key(2)] Guid Process = default, [property: Key(3)] long Beat = 0, [property: Key(4)] int HoldsMs = 0) : IProtocolMessage;

    /// <summary>Gate to node: here, with this job.</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Beat">When it was said, on the coordinator's clock; for the node a number to repeat.</param>
    [MessagePackObject]
    public sealed record Pong([property: Key(0)] JobId Job, [property: Key(1)] long Beat = 0) : IProtocolMessage;

    /// <summary>A command to gate: how is the job, and should it stop?</summary>
    /// <param name="Version">The command's <see cref="Membership.ProtocolVersion"/>.</param>
    /// <param name="Name">Who asks.</param>
    /// <param name="Incarnation">Which lifetime of the asking system this is.</param>
    /// <param name="Proof">Proves that it knows the job's token; empty without one.</param>
    /// <param name="Stop">Whether the job is to end after the step in progress.</param>
    [MessagePackObject]
    public sealed record Ask(
        [property: Key(0)] int Version, [property: Key(1)] string Name, [property: Key(2)] Incarnation Incarnation, [property: Key(3)] byte[] Proof, [property: Key(4)] bool Stop)
        : IProtocolMessage;

    /// <summary>A worker of the job: its node's name and process, its shards, and how tensors travel to it (empty where none did yet).</summary>
    [MessagePackObject]
    public readonly record struct Row([property: Key(0)] string Name, [property: Key(1)] int ProcessId, [property: Key(2)] ImmutableArray<int> Shards,
        [property: Key(3)] string Channel = "");

    /// <summary>Gate to a command: how the job is.</summary>
    /// <param name="Options">The job as JSON.</param>
    /// <param name="Step">Steps done.</param>
    /// <param name="TotalSteps">Steps of the whole job.</param>
    /// <param name="Epoch">The epoch, from 1.</param>
    /// <param name="TrainLoss">The last step's mean loss; NaN before the first.</param>
    /// <param name="Checkpoint">The step of the newest checkpoint; −1 for none.</param>
    /// <param name="Workers">Who takes part.</param>
    [MessagePackObject]
    public sealed record Status(
        [property: Key(0)] string Options, [property: Key(1)] long Step, [property: Key(2)] long TotalSteps, [property: Key(3)] int Epoch, [property: Key(4)] double TrainLoss,
        [property: Key(5)] long Checkpoint, [property: Key(6)] ImmutableArray<Row> Workers) : IProtocolMessage;

    /// <summary>Node to gate: goes, having heard of the end or been asked to.</summary>
    [MessagePackObject]
    public sealed record Bye([property: Key(0)] string Name) : IProtocolMessage;
}
