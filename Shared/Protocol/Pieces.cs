using MessagePack;

namespace DistTrain.Protocol;

/// <summary>The queue of pieces under <c>async</c>: a server hands them out one by one, each once.</summary>
public static class Pieces
{
    /// <summary>Worker to server, repeated while it has none: one more piece, please.</summary>
    [MessagePackObject]
    public sealed record Wanted([property: Key(0)] Term Term, [property: Key(1)] WorkerId Worker) : IProtocolMessage;

    /// <summary>Server to worker: this piece is yours.</summary>
    [MessagePackObject]
    public sealed record Granted([property: Key(0)] Term Term, [property: Key(1)] long Step, [property: Key(2)] int Leaf) : IProtocolMessage;

    /// <summary>Server to worker: the piece is in the weights; its gradient is no longer needed.</summary>
    [MessagePackObject]
    public sealed record Applied([property: Key(0)] Term Term, [property: Key(1)] long Step, [property: Key(2)] int Leaf) : IProtocolMessage;
}
