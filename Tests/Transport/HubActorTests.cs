using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using DistTrain.Transport.Channels;
using Messages = DistTrain.Protocol.Channels;

namespace DistTrain.Tests.Transport;

/// <summary>A node's voice about its channels; the test plays another node's.</summary>
public sealed class HubActorTests() : TestKit(PatientKit.Config)
{
    [Fact]
    public void The_link_of_a_node_that_died_is_closed()
    {
        using var pair = new Pair();
        Action<Address, Messages.Offer, IActorRef> onOffer = (_, _, _) => { };
        var hub = Sys.ActorOf(Props.Create(() => new HubActor(pair.Context, new Messages.Offer(pair.Rules.Job, "", 0, new byte[32]), onOffer)));
        var (mortal, other) = (CreateTestProbe(), CreateTestProbe());
        var (dying, living) = (Guid.NewGuid(), Guid.NewGuid());
        hub.Tell(new Messages.Piece(dying, true, 0, [1]), mortal);
        hub.Tell(new Messages.Piece(living, true, 0, [1]), other);
        Sys.Stop(mortal);
        pair.AwaitReport("the connection was closed here");
        // The other one is there still: nothing closes it.
        other.ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        hub.Tell(new Messages.Piece(living, true, -1, []), other);
        Assert.Empty(other.FishForMessage<Messages.Piece>(piece => piece.Connection == living).Bytes);
    }
}
