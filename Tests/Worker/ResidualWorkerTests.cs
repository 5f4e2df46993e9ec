using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

/// <summary>A worker and the states of its leaves, among probes: the test plays coordinator, server and compute thread.</summary>
public sealed class ResidualWorkerTests : TestKit
{
    private static readonly WorkerId Me = new(7);
    private static readonly WorkerId Other = new(8);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private readonly TestProbe server;
    private readonly HandClock clock = new();
    private readonly HeldCompute compute = new();
    private readonly WeightStore store = new(0, LinearJob.Start());
    private readonly ResidualStore residuals = new(TensorCodec.Create(CodecSpec.ParseGradient("topk:0.1")), LinearJob.Layout);
    private readonly IActorRef worker;
    private int revision;

    public ResidualWorkerTests() : base(PatientKit.Config)
    {
        server = CreateTestProbe();
        var plan = LinearJob.Plan(test: 1000);
        var setup = new WorkerSetup
        {
            Name = "w", Incarnation = new Incarnation(5), Coordinator = TestActor, Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 20), Codec = CodecSpec.ParseGradient("topk:0.1"), Residuals = residuals,
            CreateReplica = () => new LinearReplica(plan), Compute = compute, Store = store, Clock = clock,
        };
        worker = Sys.ActorOf(Props.Create(() => new WorkerActor(setup)));
        compute.RunOne();
        ExpectMsg<Membership.Join>();
        worker.Tell(new Membership.Welcome(new JobId(Guid.NewGuid()), new Term(3), Me, new Incarnation(5), ImmutableArray.Create<IActorRef>(server.Ref)));
        ExpectMsg<Membership.Heartbeat>();
    }

    private IReadOnlyList<object> Rest() => ReceiveWhile<object>(message => message, TimeSpan.FromSeconds(3), Moment);

    private void Assign(params WorkerId[] owners) => worker.Tell(new Schedule.Assignment(new Term(3), new Revision(++revision), [.. owners]));

    private void Reach(long until) => worker.Tell(new Schedule.Horizon(new Term(3), new Revision(++revision), until));

    private void Publish(long version)
    {
        store.Open(version);
        worker.Tell(new TensorArrived(new Weights.Published(new Term(3), version, 0), default));
    }

    private Residuals.Order OrderOf(int leaf, long after, IActorRef to) => new(new Term(3), leaf, after, to);

    /// <summary>The worker owns all leaves and has computed step 0.</summary>
    private void ComputeFirstStep()
    {
        Publish(0);
        Assign(Me, Me, Me, Me);
        Reach(1);
        // Nobody has anything yet: all begin at zero.
        for (int leaf = 0; leaf < 4; leaf++) worker.Tell(new Residuals.Zero(new Term(3), FishForMessage<Residuals.Wanted>(_ => true).Leaf, -1));
        compute.RunOne();
        server.FishForMessage<TensorArrived>(_ => true);
        AwaitCondition(() => residuals.StepOf(3) == 0);
    }

    [Fact]
    public void It_asks_for_the_states_of_leaves_that_move_here_before_it_may_compute_them()
    {
        Publish(0);
        Publish(1);
        Reach(1);
        Assign(Other, Me, Other, Me);
        Assert.Equal([(1, 0L), (3, 0L)], [Wanted(), Wanted()]);
        Assign(Other, Other, Other, Me);
        Assert.Equal((3, 0L), Wanted());
        // What has moved on is no longer asked for.
        clock.Tick(3);
        Assert.DoesNotContain(Rest(), message => message is Residuals.Wanted { Leaf: not 3 });

        (int, long) Wanted() => FishForMessage<Residuals.Wanted>(_ => true) is { } wanted ? (wanted.Leaf, wanted.After) : default;
    }

    [Fact]
    public void It_sends_a_state_once_however_often_it_was_told_to_while_it_computed()
    {
        ComputeFirstStep();
        Publish(1);
        Reach(2);
        var other = CreateTestProbe();
        compute.Await();
        for (int i = 0; i < 5; i++) worker.Tell(OrderOf(2, 0, other));
        compute.RunOne();
        Assert.Equal(new Residuals.State(new Term(3), 2, 0), other.ExpectMsg<TensorArrived>().Header);
        other.ExpectNoMsg(Moment);
    }

    /// <summary>Somebody else's contribution was counted: the next step is known while this one is still being computed. What came of another's state meanwhile spoiled the one that was being made.</summary>
    [Fact]
    public void It_asks_for_no_state_that_it_is_making_itself()
    {
        ComputeFirstStep();
        Publish(1);
        Reach(3);
        compute.Await();
        Publish(2);
        Rest();
        for (int leaf = 0; leaf < 4; leaf++)
        {
            clock.Tick();
            worker.Tell(new Residuals.Zero(new Term(3), leaf, 1));
        }
        Assert.DoesNotContain(Rest(), message => message is Residuals.Wanted);
        Assert.Equal(0, residuals.StepOf(0));
        compute.RunOne();
        compute.RunOne();
        AwaitCondition(() => residuals.StepOf(3) == 2);
    }

    [Fact]
    public void It_sends_a_state_while_it_evaluates()
    {
        ComputeFirstStep();
        Publish(1);
        worker.Tell(new Evaluation.Order(new Term(3), 1, 0, 4));
        compute.Await();
        var other = CreateTestProbe();
        worker.Tell(OrderOf(2, 0, other));
        Assert.Equal(new Residuals.State(new Term(3), 2, 0), other.ExpectMsg<TensorArrived>().Header);
        Assert.True(FishForMessage<Residuals.Answer>(_ => true).Sent);
    }

    [Fact]
    public void It_frees_states_of_leaves_that_were_computed_elsewhere_since()
    {
        ComputeFirstStep();
        Assign(Me, Me, Other, Other);
        Publish(1);
        clock.Tick();
        // The state after step 0 may still be what the new owner needs.
        Rest();
        Assert.Equal(0, residuals.StepOf(2));
        Publish(2);
        clock.Tick();
        AwaitCondition(() => residuals.StepOf(2) is null && residuals.StepOf(3) is null);
    }

    [Fact]
    public void Leaving_it_says_so_again_until_it_is_let_go()
    {
        ComputeFirstStep();
        Watch(worker);
        worker.Tell(WorkerActor.Leave.Instance);
        FishForMessage<Membership.Leave>(_ => true);
        for (int i = 0; i < 4; i++)
        {
            clock.Tick(WorkerActor.DepartTicks);
            for (int tick = 0; tick < WorkerActor.DepartTicks; tick++) FishForMessage<Membership.Leave>(_ => true);
            worker.Tell(new Membership.Stay(new Term(3)));
        }
        var other = CreateTestProbe();
        worker.Tell(OrderOf(2, 0, other));
        other.ExpectMsg<TensorArrived>();
        worker.Tell(new Schedule.JobEnded(new Term(3), "released"));
        FishForMessage<Terminated>(_ => true);
    }

    [Fact]
    public void Leaving_it_does_not_wait_for_a_coordinator_that_says_nothing()
    {
        ComputeFirstStep();
        Watch(worker);
        worker.Tell(WorkerActor.Leave.Instance);
        clock.Tick(WorkerActor.DepartTicks + 1);
        FishForMessage<Terminated>(_ => true);
    }

    /// <summary>Computes when the test says so, on its thread.</summary>
    private sealed class HeldCompute : IComputeQueue
    {
        private readonly BlockingCollection<IWork> posted = [];

        public void Post(IWork work) => posted.Add(work);

        public bool WaitFor(IWait wait) => wait.IsOver ? true : throw new InvalidOperationException("nobody would end the wait");

        public void Wake() { }

        public void Await() => SpinWait.SpinUntil(() => posted.Count > 0, TimeSpan.FromSeconds(10));

        public void RunOne()
        {
            if (!posted.TryTake(out var work, TimeSpan.FromSeconds(10))) throw new TimeoutException("nothing was to be computed");
            work.Run();
        }
    }
}
