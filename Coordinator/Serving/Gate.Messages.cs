using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Simd;

namespace DistTrain.Coordinator.Serving;

/// <content>What the gate is told by others in its process, and by itself.</content>
internal sealed partial class Gate
{
    /// <summary>The job can begin: what nodes are told of it.</summary>
    internal sealed record Opened(Nodes.Offer Offer, SimdLevel Level, ImmutableArray<IActorRef> Servers) : INoSerializationVerificationNeeded;

    /// <summary>A connection for tensors to a node is no more.</summary>
    internal sealed record ChannelBroken(Address Node) : INoSerializationVerificationNeeded;

    /// <summary>Tensors cannot be sent to a node, now or later.</summary>
    internal sealed record ChannelRefused(Address Node, string Reason) : INoSerializationVerificationNeeded;

    /// <summary>The run is over: nodes are told.</summary>
    internal sealed class JobOver
    {
        public static readonly JobOver Instance = new();
    }

    /// <summary>The run goes back to its last checkpoint: nodes are to begin again.</summary>
    internal sealed class GoesBack
    {
        public static readonly GoesBack Instance = new();
    }

    private sealed class TellsEnd
    {
        public static readonly TellsEnd Instance = new();
    }

    private sealed record ShutOut(Address Node);

    private sealed record Absent(Address Node);
}
