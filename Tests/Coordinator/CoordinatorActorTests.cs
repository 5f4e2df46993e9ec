using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>The coordinator among probes: the test plays workers and servers.</summary>
public sealed class CoordinatorActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private readonly List<RunEvent> events = [];
    private readonly TestProbe server;
    private readonly JobPlan plan = LinearJob.Plan(test: 1000);
    private readonly InlineCompute compute = new();
    private readonly IActorRef coordinator;

    public CoordinatorActorTests() : base(PatientKit.Config)
    {
        server = CreateTestProbe();
        coordinator = Sys.ActorOf(Props.Create(() => new CoordinatorActor(new CoordinatorSetup
        {
            Job = Job, Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 20), Servers = System.Collections.Immutable.ImmutableArray.Create<IActorRef>(server.Ref),
            MinWorkers = 2, WorkersMayJoin = true, Observer = e => events.Add(e), Compute = compute, Clock = new StillClock(),
        })));
        server.ExpectMsg<Progress.Wanted>();
    }

    private static Membership.Join JoinOf(string name, long incarnation = 1) => new(Membership.ProtocolVersion, name, new Incarnation(incarnation), 1, LinearJob.Layout.Hash);

    private (TestProbe Probe, WorkerId Id) Join(string name, long incarnation = 1)
    {
        var probe = CreateTestProbe();
        coordinator.Tell(JoinOf(name, incarnation), probe);
        return (probe, probe.ExpectMsg<Membership.Welcome>().Worker);
    }

    private void Applied(long step) => coordinator.Tell(new Progress.Applied(new Term(1), default, step, [new Gradients.Leaf(0, plan.BatchOf(step), 1, 1, 0, 0)], double.NaN, false, step + 1), server);

    [Fact]
    public void It_begins_when_enough_workers_are_in_and_a_spare_gets_no_shard()
    {
        var (first, a) = Join("a");
        first.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        var (second, b) = Join("b");
        Assert.Equal([a, a, b, b], first.ExpectMsg<Schedule.Assignment>().Owners.ToArray());
        Assert.Equal(4, first.ExpectMsg<Schedule.Horizon>().Until);
        second.ExpectMsg<Schedule.Assignment>();
        second.ExpectMsg<Schedule.Horizon>();
        List<WorkerId> all = [a, b, Join("c").Id, Join("d").Id, Join("e").Id];
        var last = first.FishForMessage<Schedule.Assignment>(order => order.Revision.Value == 4);
        Assert.Equal([.. all.Take(4)], last.Owners.ToArray());
    }

    [Fact]
    public void A_server_that_throws_ends_the_run_with_what_it_threw()
    {
        var failing = Sys.ActorOf(Props.Create(() => new Failing()));
        Sys.ActorOf(Props.Create(() => new CoordinatorActor(new CoordinatorSetup
        {
            Job = Job, Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 20), Servers = System.Collections.Immutable.ImmutableArray.Create<IActorRef>(failing),
            MinWorkers = 2, WorkersMayJoin = true, Observer = e => events.Add(e), Compute = compute, Clock = new StillClock(),
        })));
        AwaitAssert(() => Assert.Equal("a parameter server stopped: InvalidOperationException: out of luck", Assert.Single(events.OfType<RunEvent.Failed>().ToList()).Error));
    }

    private sealed class Failing : UntypedActor
    {
        protected override void OnReceive(object message) => throw new InvalidOperationException("out of luck");
    }

    [Fact]
    public void A_worker_that_stops_is_noticed_and_its_shards_are_handed_on()
    {
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        first.ExpectMsg<Schedule.Assignment>();
        Sys.Stop(second);
        first.ExpectMsg<Schedule.Horizon>();
        Assert.Equal([a, a, a, a], first.ExpectMsg<Schedule.Assignment>().Owners.ToArray());
        var lost = Assert.Single(events.OfType<RunEvent.WorkerLost>());
        Assert.Equal(b, lost.Worker);
        Assert.Equal([2, 3], lost.Shards.ToArray());
    }

    [Fact]
    public void A_run_that_is_stopped_ends_the_step_first_that_a_worker_had_begun_which_is_lost()
    {
        var (first, a) = Join("a");
        var (second, _) = Join("b");
        second.ExpectMsg<Schedule.Assignment>();
        Sys.Stop(second);
        first.FishForMessage<Schedule.Assignment>(order => order.Owners.All(owner => owner == a));
        coordinator.Tell(new Schedule.Stop("enough"));
        var halt = first.ExpectMsg<Schedule.Halt>();
        coordinator.Tell(new Schedule.Halted(new Term(1), halt.Revision, a, 0), first);
        // Some buckets of the first step may be in the weights.
        Assert.Equal(1, first.ExpectMsg<Schedule.Horizon>().Until);
        Applied(0);
        Assert.Equal("Interrupted", first.ExpectMsg<Schedule.JobEnded>().Outcome);
        Assert.Equal((1L, true), (Assert.IsType<RunEvent.Interrupted>(events[^1]).Totals.Steps, ((RunEvent.Interrupted)events[^1]).Clean));
    }

    [Fact]
    public void With_nobody_left_a_run_that_is_stopped_waits_for_nothing()
    {
        var (first, _) = Join("a");
        var (second, _) = Join("b");
        second.ExpectMsg<Schedule.Assignment>();
        Sys.Stop(first);
        Sys.Stop(second);
        AwaitAssert(() => Assert.Equal(2, events.ToArray().OfType<RunEvent.WorkerLost>().Count()));
        coordinator.Tell(new Schedule.Stop("enough"));
        AwaitAssert(() => Assert.False(Assert.IsType<RunEvent.Interrupted>(events[^1]).Clean));
    }

    [Fact]
    public void A_node_that_comes_back_is_another_worker_and_the_old_one_is_lost()
    {
        var (first, _) = Join("a");
        var (_, b) = Join("b");
        var (_, again) = Join("b", incarnation: 2);
        Assert.NotEqual(b, again);
        first.FishForMessage<Schedule.Assignment>(order => order.Owners.Contains(again));
        Assert.Equal(b, Assert.Single(events.OfType<RunEvent.WorkerLost>()).Worker);
        var probe = CreateTestProbe();
        coordinator.Tell(new Membership.Heartbeat(b, new Incarnation(1), new Term(1), default, default), probe);
        probe.ExpectMsg<Membership.Rejoin>();
    }

    [Fact]
    public void Another_version_or_layout_is_refused_with_the_reason()
    {
        coordinator.Tell(JoinOf("x") with { Version = 99 }, TestActor);
        Assert.Contains("99", ExpectMsg<Membership.NotTaken>().Reason, StringComparison.Ordinal);
        coordinator.Tell(JoinOf("x") with { LayoutHash = "beef" }, TestActor);
        Assert.Contains("beef", ExpectMsg<Membership.NotTaken>().Reason, StringComparison.Ordinal);
        // The coordinator's own console tells of both; nobody has joined.
        Assert.Collection(
            events,
            told => Assert.Contains("99", Assert.IsType<RunEvent.Noted>(told).Text, StringComparison.Ordinal),
            told => Assert.Contains("beef", Assert.IsType<RunEvent.Noted>(told).Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Orders_that_were_lost_are_repeated_to_a_worker_that_reports_older_ones()
    {
        var (first, a) = Join("a");
        Join("b");
        var order = first.ExpectMsg<Schedule.Assignment>();
        var horizon = first.ExpectMsg<Schedule.Horizon>();
        coordinator.Tell(new Membership.Heartbeat(a, new Incarnation(1), new Term(1), default, default), first);
        Assert.Equal(order.Revision, first.ExpectMsg<Schedule.Assignment>().Revision);
        Assert.Equal(horizon, first.ExpectMsg<Schedule.Horizon>());
        coordinator.Tell(new Membership.Heartbeat(a, new Incarnation(1), new Term(1), order.Revision, horizon.Revision), first);
        first.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public void An_epochs_end_is_evaluated_slice_by_slice_and_a_lost_workers_slices_are_handed_on()
    {
        var (first, a) = Join("a");
        var (second, _) = Join("b");
        for (long step = 0; step < 4; step++) Applied(step);
        var one = first.FishForMessage<Evaluation.Order>(_ => true);
        var two = second.FishForMessage<Evaluation.Order>(_ => true);
        Assert.Equal((4L, 0, 2), (one.Version, one.First, one.Count));
        Assert.Equal((2, 2), (two.First, two.Count));
        Sys.Stop(second);
        first.FishForMessage<Schedule.Assignment>(order => order.Revision.Value == 2);
        var rest = first.ExpectMsg<Evaluation.Order>();
        Assert.Equal((2, 2), (rest.First, rest.Count));
        coordinator.Tell(new Evaluation.Report(new Term(1), 4, a, [.. Enumerable.Range(0, 4).Select(i => new Evaluation.Slice(i, 250, 250, 250.0 * i, 125, 250))]), first);
        Assert.Equal(8, first.ExpectMsg<Schedule.Horizon>().Until);
        var epoch = Assert.Single(events.OfType<RunEvent.EpochDone>());
        Assert.Equal((1.5, 0.5), (epoch.TestLoss, epoch.TestAccuracy));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_evaluation_is_summed_by_a_compute_thread_and_not_heard_of_when_the_run_was_stopped_meanwhile(bool isStopped)
    {
        compute.Held = new();
        var (first, a) = Join("a");
        Join("b");
        for (long step = 0; step < 4; step++) Applied(step);
        first.FishForMessage<Evaluation.Order>(_ => true);
        coordinator.Tell(new Evaluation.Report(new Term(1), 4, a, [.. Enumerable.Range(0, 4).Select(i => new Evaluation.Slice(i, 250, 250, 250.0 * i, 125, 250))]), first);
        AwaitCondition(() => compute.Held.Count == 1);
        Assert.Empty(events.OfType<RunEvent.EpochDone>());
        if (isStopped) coordinator.Tell(new Schedule.Stop("enough"));
        if (isStopped) first.FishForMessage<Schedule.JobEnded>(_ => true);
        Assert.True(compute.Held.Single().TryRunPart());
        if (isStopped)
        {
            // Asking once more shows that what came before was heard.
            coordinator.Tell(JoinOf("c"), first);
            first.ExpectMsg<Schedule.JobEnded>();
            Assert.IsType<RunEvent.Interrupted>(events[^1]);
            Assert.Empty(events.OfType<RunEvent.EpochDone>());
            return;
        }
        Assert.Equal(8, first.FishForMessage<Schedule.Horizon>(order => order.Until > 4).Until);
        Assert.Equal(1.5, Assert.Single(events.OfType<RunEvent.EpochDone>()).TestLoss);
    }

    [Fact]
    public void Reports_that_are_lost_doubled_or_out_of_order_still_count_each_step_once()
    {
        Join("a");
        Join("b");
        Applied(0);
        Applied(0);
        Applied(2);
        Assert.Equal(1, server.ExpectMsg<Progress.Wanted>().From);
        Applied(1);
        Applied(2);
        AwaitAssert(() => Assert.Equal([0L, 1L, 2L], events.OfType<RunEvent.StepDone>().Select(step => step.Step)));
    }

    [Fact]
    public void A_job_that_is_told_to_end_ends_when_all_its_workers_go_before_the_last_step_is_done()
    {
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        Applied(0);
        coordinator.Tell(new Schedule.Stop("enough"));
        var halt = first.FishForMessage<Schedule.Halt>(_ => true);
        coordinator.Tell(new Schedule.Halted(halt.Term, halt.Revision, a, 2), first);
        coordinator.Tell(new Schedule.Halted(halt.Term, halt.Revision, b, 2), second);
        coordinator.Tell(new Membership.Leave(a, new Incarnation(1)), first);
        coordinator.Tell(new Membership.Leave(b, new Incarnation(1)), second);
        AwaitAssert(() => Assert.IsType<RunEvent.Interrupted>(events.ToArray()[^1]), TimeSpan.FromSeconds(10));
        Assert.All(events.ToArray().OfType<RunEvent.WorkerLost>(), lost => Assert.True(lost.Left));
    }

    [Fact]
    public void A_worker_that_just_ends_is_lost_and_one_that_says_so_has_left()
    {
        var (first, a) = Join("a");
        var (second, _) = Join("b");
        Sys.Stop(second);
        AwaitAssert(() => Assert.False(Assert.Single(events.ToArray().OfType<RunEvent.WorkerLost>()).Left), TimeSpan.FromSeconds(10));
        coordinator.Tell(new Membership.Leave(a, new Incarnation(1)), first);
        Sys.Stop(first);
        AwaitAssert(() => Assert.True(events.ToArray().OfType<RunEvent.WorkerLost>().Last().Left), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Stopping_lets_the_furthest_step_that_was_begun_finish_and_no_other()
    {
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        Applied(0);
        coordinator.Tell(new Schedule.Stop("enough"));
        var halt = first.FishForMessage<Schedule.Halt>(_ => true);
        coordinator.Tell(new Schedule.Halted(halt.Term, halt.Revision, a, 2), first);
        coordinator.Tell(new Schedule.Halted(halt.Term, halt.Revision, b, 3), second);
        Assert.Equal(3, first.ExpectMsg<Schedule.Horizon>().Until);
        Applied(1);
        first.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Applied(2);
        first.ExpectMsg<Schedule.JobEnded>();
        var interrupted = Assert.IsType<RunEvent.Interrupted>(events[^1]);
        Assert.Equal((3L, "enough"), (interrupted.Totals.Steps, interrupted.Reason));
    }
}
