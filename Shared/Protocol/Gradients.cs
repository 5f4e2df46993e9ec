using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>Gradients on their way from workers to servers.</summary>
public static class Gradients
{
    /// <summary>
    /// The name of a contribution: what it is, never who made it. One is taken once; any worker's answer to the same name has the same bits.
    /// </summary>
    /// <param name="Job">The job.</param>
    /// <param name="Term">The term under which it was computed.</param>
    /// <param name="Step">The step (clock), from 0.</param>
    /// <param name="Bucket">The bucket of the layout.</param>
    /// <param name="Lo">The first leaf of the tree node.</param>
    /// <param name="Hi">One past the last leaf of the tree node.</param>
    [MessagePackObject]
    public readonly record struct Name(
        [property: Key(0)] JobId Job, [property: Key(1)] Term Term, [property: Key(2)] long Step, [property: Key(3)] int Bucket,
        [property: Key(4)] int Lo, [property: Key(5)] int Hi);

    /// <summary>What computing one leaf (piece) found, on its way to the step's metrics; and how many versions were published while it was computed.</summary>
    [MessagePackObject]
    public readonly record struct Leaf(
        [property: Key(0)] int Piece, [property: Key(1)] int Samples, [property: Key(2)] double Denominator, [property: Key(3)] double LossSum,
        [property: Key(4)] long Correct, [property: Key(5)] long Counted, [property: Key(6)] int Staleness = 0);

    /// <summary>Worker to server, with a tensor: one bucket of a tree node's gradient.</summary>
    /// <param name="What">Its name.</param>
    /// <param name="Worker">Who computed it, for messages to people and for traces.</param>
    /// <param name="Scale">A factor still to be applied to every float (a leaf's d_i / Σd); 1 for none.</param>
    /// <param name="Version">The weights' version that it was computed on.</param>
    /// <param name="Leaves">With the first bucket, what the node's leaves found; empty with the others.</param>
    /// <param name="Digest">A digest of the floats, to compare with a second answer of the same name; 0 where no second one is expected.</param>
    [MessagePackObject]
    public sealed record Contribution(
        [property: Key(0)] Name What, [property: Key(1)] WorkerId Worker, [property: Key(2)] float Scale, [property: Key(3)] long Version,
        [property: Key(4)] ImmutableArray<Leaf> Leaves, [property: Key(5)] ulong Digest) : IProtocolMessage;

    /// <summary>Server to worker: the contribution was not taken because it cannot be right; the server's state is as before.</summary>
    [MessagePackObject]
    public sealed record Refused([property: Key(0)] Name What, [property: Key(1)] string Reason) : IProtocolMessage;

    /// <summary>Server to a worker that waits: a bucket of a step lacks these leaves; whoever owns them sends (again).</summary>
    [MessagePackObject]
    public sealed record Missing(
        [property: Key(0)] Term Term, [property: Key(1)] long Step, [property: Key(2)] int Bucket, [property: Key(3)] ImmutableArray<int> Leaves) : IProtocolMessage;
}
