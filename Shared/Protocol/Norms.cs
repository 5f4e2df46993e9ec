using System.Collections.Immutable;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>How servers agree on a step's gradient norm before any of them applies it.</summary>
public static class Norms
{
    /// <summary>A node of the tree over block numbers with its sum of squares.</summary>
    [MessagePackObject]
    public readonly record struct Sum([property: Key(0)] int Lo, [property: Key(1)] int Hi, [property: Key(2)] double Squares);

    /// <summary>Server to head: the sums of squares of its part of the averaged gradient.</summary>
    [MessagePackObject]
    public sealed record Part([property: Key(0)] Term Term, [property: Key(1)] ServerId Server, [property: Key(2)] long Step, [property: Key(3)] ImmutableArray<Sum> Sums)
        : IProtocolMessage;

    /// <summary>Head to servers: what all of them do with the step.</summary>
    /// <param name="Term">The head's term.</param>
    /// <param name="Step">The step, from 0.</param>
    /// <param name="Coefficient">The factor on the gradient (clipping); 1 for none.</param>
    /// <param name="Skip">Whether to leave weights and state as they are because the gradient is not finite.</param>
    /// <param name="Norm">The L2 norm of the averaged gradient.</param>
    [MessagePackObject]
    public sealed record Verdict(
        [property: Key(0)] Term Term, [property: Key(1)] long Step, [property: Key(2)] float Coefficient, [property: Key(3)] bool Skip, [property: Key(4)] double Norm)
        : IProtocolMessage;
}
