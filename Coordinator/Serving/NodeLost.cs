using Akka.Actor;

namespace DistTrain.Coordinator.Serving;

/// <summary>The gate to its coordinator and servers: a node has gone, or is silent; its workers' shards move on, and nothing is sent to them any more unless they ask again.</summary>
internal sealed record NodeLost(Address Node, double SilentMs) : INoSerializationVerificationNeeded;
