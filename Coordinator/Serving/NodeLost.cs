using Akka.Actor;

namespace DistTrain.Coordinator.Serving;

/// <summary>The gate to its coordinator: a node has gone, or is silent; its workers' shards move on.</summary>
internal sealed record NodeLost(Address Node, double SilentMs) : INoSerializationVerificationNeeded;
