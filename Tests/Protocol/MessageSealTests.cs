using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Actor.Setup;
using DistTrain.Protocol;

namespace DistTrain.Tests.Protocol;

/// <summary>Systems that know a token read what others say who know it, and nothing else.</summary>
public sealed class MessageSealTests : IDisposable
{
    private readonly ActorSystem ours = Start("open sesame"), same = Start("open sesame"), theirs = Start("open barley"), without = Start(null);

    public void Dispose() => Task.WaitAll([ours.Terminate(), same.Terminate(), theirs.Terminate(), without.Terminate()], TimeSpan.FromSeconds(60));

    [Fact]
    public void A_message_is_read_by_those_who_know_the_token_and_by_nobody_else()
    {
        var random = new Random(3);
        foreach (var type in ProtocolManifest.Types.Where(type => type != typeof(Nodes.Hello) && type != typeof(Nodes.Ask) && type != typeof(Standbys.Hello) && type != typeof(Membership.Refused)))
        {
            object message = MessageSamples.Make(type, random, ours.DeadLetters);
            string name = ProtocolManifest.NameOf(type)!;
            byte[] bytes = Of(ours).ToBinary(message);
            Assert.Equal(MessageSamples.Describe(message), MessageSamples.Describe(Of(ours).FromBinary(bytes, name)));
            Assert.IsType(type, Of(same).FromBinary(bytes, name));
            Assert.Throws<SerializationException>(() => Of(theirs).FromBinary(bytes, name));
            Assert.Throws<SerializationException>(() => Of(without).FromBinary(bytes, name));
            byte[] open = Of(without).ToBinary(message);
            Assert.Throws<SerializationException>(() => Of(ours).FromBinary(open, name));
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            Assert.Throws<SerializationException>(() => Of(same).FromBinary(bytes, name));
        }
    }

    [Fact]
    public void The_seal_of_one_message_is_not_that_of_another()
    {
        // Both are one number.
        byte[] bytes = Of(ours).ToBinary(new Membership.Rejoin(new Term(7)));
        Assert.Throws<SerializationException>(() => Of(same).FromBinary(bytes, ProtocolManifest.NameOf(typeof(Schedule.Stop))!));
        Assert.Equal(new Membership.Rejoin(new Term(7)), Of(same).FromBinary(bytes, ProtocolManifest.NameOf(typeof(Membership.Rejoin))!));
        Assert.Throws<SerializationException>(() => Of(same).FromBinary([], ProtocolManifest.NameOf(typeof(Membership.Rejoin))!));
    }

    [Fact]
    public void Who_asks_and_who_is_refused_understand_each_other_without_it()
    {
        var hello = new Nodes.Hello(1, "node", new Incarnation(1), 1, "avx2", [1, 2]);
        Assert.Equal(MessageSamples.Describe(hello), MessageSamples.Describe(Of(ours).FromBinary(Of(theirs).ToBinary(hello), ProtocolManifest.NameOf(typeof(Nodes.Hello))!)));
        var refused = new Membership.Refused("its token is not the job's");
        Assert.Equal(refused, Of(theirs).FromBinary(Of(ours).ToBinary(refused), ProtocolManifest.NameOf(typeof(Membership.Refused))!));
    }

    private static ProtocolSerializer Of(ActorSystem system) => (ProtocolSerializer)system.Serialization.FindSerializerForType(typeof(Weights.Published));

    private static ActorSystem Start(string? token)
    {
        var setup = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(ProtocolConfig.Shared));
        return ActorSystem.Create("sealed", token is null ? setup : setup.And(new MessageSeal(System.Text.Encoding.UTF8.GetBytes(token))));
    }
}
