using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Benchmarks.Processes;

/// <summary>Answers a question of the control plane, as a gate does.</summary>
internal sealed class EchoActor : UntypedActor
{
    public const string Name = "echo";

    protected override void OnReceive(object message)
    {
        if (message is Nodes.Ping ping) Sender.Tell(new Nodes.Pong(ping.Job), Self);
    }
}
