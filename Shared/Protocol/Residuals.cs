using Akka.Actor;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>
/// Error-feedback states of leaves on their way: to the worker that takes a leaf over, or into a checkpoint. A state is named by its leaf and the last clock that is in it; one older than the run's start is the state that the run starts with.
/// </summary>
public static class Residuals
{
    /// <summary>Worker to coordinator, repeated until it is there: this leaf is mine now, and I lack its state.</summary>
    [MessagePackObject]
    public sealed record Wanted([property: Key(0)] Term Term, [property: Key(1)] WorkerId Worker, [property: Key(2)] int Leaf, [property: Key(3)] long After) : IProtocolMessage;

    /// <summary>Coordinator to workers: whoever has this state sends it there; everybody answers.</summary>
    [MessagePackObject]
    public sealed record Order([property: Key(0)] Term Term, [property: Key(1)] int Leaf, [property: Key(2)] long After, [property: Key(3)] IActorRef To) : IProtocolMessage;

    /// <summary>Worker to coordinator: what became of an order; and from the worker that an order named, that the state is here.</summary>
    /// <param name="Term">The order's term.</param>
    /// <param name="Worker">Who answers.</param>
    /// <param name="Leaf">The order's leaf.</param>
    /// <param name="After">The order's clock.</param>
    /// <param name="To">The order's receiver.</param>
    /// <param name="Sent">Whether the state was sent.</param>
    /// <param name="Newest">The newest clock of which the worker has this leaf's state; −2 for none.</param>
    [MessagePackObject]
    public sealed record Answer(
        [property: Key(0)] Term Term, [property: Key(1)] WorkerId Worker, [property: Key(2)] int Leaf, [property: Key(3)] long After, [property: Key(4)] IActorRef To, [property: Key(5)] bool Sent,
        [property: Key(6)] long Newest) : IProtocolMessage;

    /// <summary>With a tensor, to whom an order named: the state.</summary>
    [MessagePackObject]
    public sealed record State([property: Key(0)] Term Term, [property: Key(1)] int Leaf, [property: Key(2)] long After) : IProtocolMessage;

    /// <summary>Coordinator to worker: nobody has this state, go on from zero.</summary>
    [MessagePackObject]
    public sealed record Zero([property: Key(0)] Term Term, [property: Key(1)] int Leaf, [property: Key(2)] long After) : IProtocolMessage;
}
