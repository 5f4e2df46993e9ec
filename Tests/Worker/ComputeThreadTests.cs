using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

public sealed class ComputeThreadTests() : TestKit(ProtocolConfig.Shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Says which thread ran it.</summary>
    private sealed class Scribe(Action<Thread> ran) : UntypedActor
    {
        protected override void OnReceive(object message) => ran(Thread.CurrentThread);
    }

    private sealed class Work(Action run) : IWork
    {
        public void Run() => run();
    }

    /// <summary>A wait that an actor's turn ends.</summary>
    private sealed class Wait : IWait
    {
        private volatile bool over;

        public bool IsOver => over;

        public void End() => over = true;
    }

    [Fact]
    public void Whoever_work_tells_something_at_its_end_is_run_by_its_thread()
    {
        using var group = new ComputeGroup();
        var thread = group.Add("one");
        string? early = null, late = null;
        using var ranEarly = new ManualResetEventSlim();
        using var ranLate = new ManualResetEventSlim();
        var first = Actor(ran =>
        {
            early = ran.Name;
            ranEarly.Set();
        });
        var second = Actor(ran =>
        {
            late = ran.Name;
            ranLate.Set();
        });
        thread.Post(new Work(() =>
        {
            // In the middle of its work somebody else runs it: this would wait for ever otherwise.
            first.Tell("x");
            Assert.True(ranEarly.Wait(Patience));
            ((IComputeQueue)thread).Ends();
            second.Tell("x");
        }));
        Assert.True(ranLate.Wait(Patience));
        Assert.Equal("one", late);
        Assert.NotEqual("one", early);
    }

    [Fact]
    public void A_thread_that_waits_takes_the_turns_that_its_share_of_other_work_leads_to()
    {
        using var group = new ComputeGroup();
        var thread = group.Add("one");
        var wait = new Wait();
        string? ranBy = null;
        var actor = Actor(ran =>
        {
            ranBy = ran.Name;
            wait.End();
        });
        using var waited = new ManualResetEventSlim();
        thread.Post(new Work(() =>
        {
            if (thread.WaitFor(wait)) waited.Set();
        }));
        group.Post(new ToldWork(actor));
        Assert.True(waited.Wait(Patience), "the wait never ended");
        Assert.Equal("one", ranBy);
    }

    [Fact]
    public void A_thread_that_is_ended_at_work_leaves_no_turn_behind()
    {
        using var group = new ComputeGroup();
        var thread = group.Add("one");
        using var ran = new ManualResetEventSlim();
        var actor = Actor(_ => ran.Set());
        thread.Post(new Work(() =>
        {
            thread.Dispose();
            ((IComputeQueue)thread).Ends();
            actor.Tell("x");
        }));
        Assert.True(ran.Wait(Patience), "what it told an actor was never heard");
    }

    private IActorRef Actor(Action<Thread> ran)
    {
        var actor = Sys.ActorOf(Props.Create(() => new Scribe(ran)).WithDispatcher(ActorTurns.Dispatcher));
        actor.Tell(new Identify(1), TestActor);
        ExpectMsg<ActorIdentity>();
        return actor;
    }

    private sealed class ToldWork : SharedWork
    {
        private readonly IActorRef actor;

        public ToldWork(IActorRef actor)
            : base(1)
        {
            this.actor = actor;
            Reset();
        }

        protected override void RunPart(int part)
        {
        }

        protected override void Complete() => actor.Tell("x");
    }
}
