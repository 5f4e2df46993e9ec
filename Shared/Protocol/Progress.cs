using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>What servers tell the coordinator, beside the steps and never in their way.</summary>
public static class Progress
{
    /// <summary>Server to coordinator: all of the server's buckets have this step in.</summary>
    /// <param name="Term">The server's term.</param>
    /// <param name="Server">Which server.</param>
    /// <param name="Step">The step, from 0.</param>
    /// <param name="Leaves">From the head: what the step's pieces found, in leaf order; else empty.</param>
    /// <param name="Norm">From the head, where it was computed: the L2 norm of the averaged gradient before clipping; else NaN.</param>
    /// <param name="Version">The version of the weights that has the step in it; the head's counts.</param>
    /// <param name="Skipped">Whether the step was skipped because its gradient was not finite.</param>
    [MessagePackObject]
    public sealed record Applied(
        [property: Key(0)] Term Term, [property: Key(1)] ServerId Server, [property: Key(2)] long Step, [property: Key(3)] ImmutableArray<Gradients.Leaf> Leaves,
        [property: Key(4)] double Norm, [property: Key(5)] bool Skipped, [property: Key(6)] long Version) : IProtocolMessage;

    /// <summary>Coordinator to servers: everything below <paramref name="From"/> is known here; say again what you have from there on.</summary>
    [MessagePackObject]
    public sealed record Wanted([property: Key(0)] Term Term, [property: Key(1)] long From) : IProtocolMessage;

    /// <summary>Worker or server to coordinator: the run cannot go on, and why.</summary>
    [MessagePackObject]
    public sealed record Failed([property: Key(0)] Term Term, [property: Key(1)] string Error) : IProtocolMessage;
}
