using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Serialization;
using DistTrain.Protocol;
using DistTrain.Transport;

namespace DistTrain.Tests.Protocol;

/// <summary>What a node does not take from another, whoever it is.</summary>
public sealed class GuardedSerializersTests : IDisposable
{
    private readonly ExtendedActorSystem system = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork(), null);

    public void Dispose() => system.Terminate().Wait(TimeSpan.FromSeconds(60));

    [Fact]
    public void Nothing_is_read_that_would_stop_an_actor()
    {
        Assert.IsType<GuardedMiscSerializer>(system.Serialization.FindSerializerFor(PoisonPill.Instance));
        Assert.IsType<GuardedSystemMessageSerializer>(system.Serialization.FindSerializerFor(new Terminate()));
        foreach (object harmful in (object[])[PoisonPill.Instance, Kill.Instance, new Terminate(), new Suspend()]) Assert.Throws<SerializationException>(() => Through(harmful));
    }

    [Fact]
    public void Nodes_may_ask_for_and_watch_each_others_actors()
    {
        Assert.Equal(7, Assert.IsType<Identify>(Through(new Identify(7))).MessageId);
        Assert.IsType<Watch>(Through(new Watch((IInternalActorRef)system.DeadLetters, (IInternalActorRef)system.DeadLetters)));
    }

    private object Through(object message)
    {
        var serializer = system.Serialization.FindSerializerFor(message);
        return system.Serialization.Deserialize(serializer.ToBinary(message), serializer.Identifier, Manifest(serializer, message));
    }

    private static string Manifest(Serializer serializer, object message) =>
        serializer is SerializerWithStringManifest named ? named.Manifest(message) : serializer.IncludeManifest ? message.GetType().AssemblyQualifiedName! : "";
}
