using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>
/// How a standby with a folder of its own follows the coordinator that runs a job, the primary: it gets each checkpoint, knows which workers take part, and takes over only with more than half of those. A worker that gave the primary up
/// promises the standby to follow no lower term.
/// </summary>
public static class Standbys
{
    /// <summary>Standby to primary, repeated while nothing is heard of it: may I stand by?</summary>
    /// <param name="Version">The standby's <see cref="Membership.ProtocolVersion"/>.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Incarnation">Which lifetime of its node this is.</param>
    /// <param name="ProcessId">The operating system's process id, for people.</param>
    /// <param name="Proof">Proves that it knows the job's token; empty without one.</param>
    [MessagePackObject]
    public sealed record Hello(
        [property: Key(0)] int Version, [property: Key(1)] string Name, [property: Key(2)] Incarnation Incarnation, [property: Key(3)] int ProcessId, [property: Key(4)] byte[] Proof) : IProtocolMessage;

    /// <summary>Primary to standby: the job to stand by for.</summary>
    /// <param name="Job">The job's id.</param>
    /// <param name="Term">The primary's term.</param>
    /// <param name="Line">What this job and all that goes on with it have in common: terms are compared within it.</param>
    /// <param name="Options">The job as JSON.</param>
    /// <param name="Layout">The hash of the layout that checkpoints have.</param>
    /// <param name="Lease">Whose lease is beside the primary's checkpoints: a standby that finds it beside its own shares the folder.</param>
    [MessagePackObject]
    public sealed record Offer(
        [property: Key(0)] JobId Job, [property: Key(1)] Term Term, [property: Key(2)] Guid Line, [property: Key(3)] string Options, [property: Key(4)] string Layout, [property: Key(5)] string Lease)
        : IProtocolMessage;

    /// <summary>Standby to primary: it shares the folder, whose lease decides; nothing need be sent.</summary>
    [MessagePackObject]
    public sealed record Shared([property: Key(0)] JobId Job) : IProtocolMessage;

    /// <summary>Standby to primary: it stands by for this job, with a folder of its own, and for no other in this life.</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Id">The folder's number, the same for each process that uses it.</param>
    /// <param name="Life">Counts the lives of that folder's standby: whatever an earlier one knew of members is forgotten.</param>
    [MessagePackObject]
    public sealed record Accepted([property: Key(0)] JobId Job, [property: Key(1)] Guid Id, [property: Key(2)] long Life) : IProtocolMessage;

    /// <summary>Primary to standby, several times per detection time: the workers that take part, by number; it holds once it is taken.</summary>
    [MessagePackObject]
    public sealed record Members(
        [property: Key(0)] JobId Job, [property: Key(1)] Term Term, [property: Key(2)] long Life, [property: Key(3)] long Number, [property: Key(4)] ImmutableArray<Guid> Workers) : IProtocolMessage;

    /// <summary>Standby to primary: it goes by these members from now on.</summary>
    [MessagePackObject]
    public sealed record MembersTaken([property: Key(0)] JobId Job, [property: Key(1)] long Life, [property: Key(2)] long Number) : IProtocolMessage;

    /// <summary>Primary to standby, repeated until it is there: a checkpoint to fetch.</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Step">Its step.</param>
    /// <param name="Bytes">How long its file is.</param>
    [MessagePackObject]
    public sealed record Saved([property: Key(0)] JobId Job, [property: Key(1)] long Step, [property: Key(2)] long Bytes) : IProtocolMessage;

    /// <summary>Standby to primary: send me so many pieces of that checkpoint, from a byte on.</summary>
    [MessagePackObject]
    public sealed record PiecesWanted([property: Key(0)] JobId Job, [property: Key(1)] long Step, [property: Key(2)] long Offset, [property: Key(3)] int Pieces) : IProtocolMessage;

    /// <summary>With a tensor that holds its bytes: a piece of a checkpoint's file.</summary>
    [MessagePackObject]
    public sealed record Piece([property: Key(0)] JobId Job, [property: Key(1)] long Step, [property: Key(2)] long Offset) : IProtocolMessage;

    /// <summary>Standby to primary: the checkpoint is on disk here too; or what arrived is none, and why: it will be asked for again.</summary>
    [MessagePackObject]
    public sealed record Fetched([property: Key(0)] JobId Job, [property: Key(1)] long Step, [property: Key(2)] string Refusal) : IProtocolMessage;

    /// <summary>A coordinator to where its standby was: do you reign? Only one that does answers.</summary>
    [MessagePackObject]
    public sealed record Asked([property: Key(0)] Guid Line, [property: Key(1)] Term Term) : IProtocolMessage;

    /// <summary>A coordinator to another, of a lower term: it has taken over.</summary>
    [MessagePackObject]
    public sealed record Reigns([property: Key(0)] Guid Line, [property: Key(1)] Term Term) : IProtocolMessage;

    /// <summary>Primary to standby, repeated until answered by the same: the job is over.</summary>
    [MessagePackObject]
    public sealed record JobOver([property: Key(0)] JobId Job) : IProtocolMessage;

    /// <summary>Standby to primary: stands by no longer.</summary>
    [MessagePackObject]
    public sealed record Leaves([property: Key(0)] JobId Job, [property: Key(1)] long Life) : IProtocolMessage;

    /// <summary>Standby to a worker that looks for a coordinator: nothing is heard of the primary; promise to follow no lower term than this.</summary>
    [MessagePackObject]
    public sealed record Campaign([property: Key(0)] Guid Line, [property: Key(1)] Term Term) : IProtocolMessage;

    /// <summary>Worker to standby: promised.</summary>
    [MessagePackObject]
    public sealed record Promise([property: Key(0)] Guid Line, [property: Key(1)] Term Term, [property: Key(2)] Guid Worker) : IProtocolMessage;

    /// <summary>Standby to worker: it does not ask for that promise any more, nor will it ever count it.</summary>
    [MessagePackObject]
    public sealed record Released([property: Key(0)] Guid Line, [property: Key(1)] Term Term) : IProtocolMessage;
}
