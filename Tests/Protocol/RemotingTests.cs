using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;

namespace DistTrain.Tests.Protocol;

/// <summary>Two actor systems over real sockets.</summary>
public sealed class RemotingTests() : TestKit(Remote.WithFallback(PatientKit.Config))
{
    private static readonly Config Remote = ConfigurationFactory.ParseString("""
        akka.actor.provider = remote
        akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
        """);

    /// <summary>What a stranger sends as JSON; knows whether anybody ever made one on this side.</summary>
    public sealed class Surprise
    {
        private static int made;

        public Surprise() => Interlocked.Increment(ref made);

        public static int Made => Volatile.Read(ref made);

        public string? Payload { get; set; }
    }

    [Fact]
    public async Task Protocol_messages_cross_between_two_nodes()
    {
        using var other = ActorSystem.Create("other", Remote.WithFallback(PatientKit.Config));
        AddressOf(Sys, TestActor, other).Tell(new Progress.Failed(new Term(3), "as sent"), ActorRefs.NoSender);
        var received = ExpectMsg<Progress.Failed>(TimeSpan.FromSeconds(20));
        Assert.Equal(new Progress.Failed(new Term(3), "as sent"), received);
        await other.Terminate();
    }

    [Fact]
    public async Task Json_from_a_node_without_strict_mode_is_never_instantiated()
    {
        // The stranger's system has Akka's own JSON serializer and no strict mode, and protocol messages to show that the link works.
        var bindings = ConfigurationFactory.ParseString($$"""
            akka.loglevel = ERROR
            akka.stdout-loglevel = OFF
            akka.actor.serializers.disttrain = "{{typeof(ProtocolSerializer).AssemblyQualifiedName}}"
            akka.actor.serialization-bindings { "{{typeof(IProtocolMessage).AssemblyQualifiedName}}" = disttrain }
            """);
        using var stranger = ActorSystem.Create("stranger", Remote.WithFallback(bindings));
        var target = AddressOf(Sys, TestActor, stranger);
        target.Tell(new Progress.Failed(default, "before"), ActorRefs.NoSender);
        ExpectMsg<Progress.Failed>(TimeSpan.FromSeconds(20));

        int madeHere = Surprise.Made;
        var surprise = new Surprise { Payload = "x" };
        for (int i = 0; i < 10; i++) target.Tell(surprise, ActorRefs.NoSender);
        target.Tell(new Progress.Failed(default, "after"), ActorRefs.NoSender);

        Assert.Equal("after", ExpectMsg<Progress.Failed>(TimeSpan.FromSeconds(20)).Error);
        Assert.Equal(madeHere + 1, Surprise.Made);
        await stranger.Terminate();
    }

    private static IActorRef AddressOf(ActorSystem system, IActorRef actor, ActorSystem seenFrom)
    {
        var address = ((ExtendedActorSystem)system).Provider.DefaultAddress;
        return ((ExtendedActorSystem)seenFrom).Provider.ResolveActorRef(actor.Path.ToStringWithAddress(address));
    }
}
