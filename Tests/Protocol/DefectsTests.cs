using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;

namespace DistTrain.Tests.Protocol;

/// <summary>An actor that throws stops, and why is known to whoever sees it stop.</summary>
public sealed class DefectsTests() : TestKit(PatientKit.Config)
{
    [Fact]
    public void The_reason_is_what_it_threw()
    {
        var actor = Watch(Sys.ActorOf(Props.Create(() => new Throwing(false))));
        actor.Tell("go");
        ExpectTerminated(actor);
        Assert.Equal("the gate stopped: InvalidOperationException: out of luck", Defects.Tell("the gate stopped", actor));
    }

    [Fact]
    public void What_its_constructor_threw_too()
    {
        var actor = Watch(Sys.ActorOf(Props.Create(() => new Throwing(true))));
        ExpectTerminated(actor);
        Assert.EndsWith("out of luck", Defects.Tell("the gate stopped", actor), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_one_that_just_stopped_there_is_none()
    {
        var actor = Watch(Sys.ActorOf(Props.Create(() => new Throwing(false))));
        Sys.Stop(actor);
        ExpectTerminated(actor);
        Assert.Equal("the gate stopped", Defects.Tell("the gate stopped", actor));
    }

    private sealed class Throwing : UntypedActor
    {
        public Throwing(bool atOnce)
        {
            if (atOnce) throw new InvalidOperationException("out of luck");
        }

        protected override void OnReceive(object message) => throw new InvalidOperationException("out of luck");
    }
}
