using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator;

/// <summary>The coordinator and the states of leaves, among probes: the test plays workers and servers.</summary>
public sealed class ResidualCoordinatorTests : TestKit
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private readonly List<RunEvent> events = [];
    private readonly TestProbe server;
    private readonly HandClock clock = new();
    private readonly JobPlan plan = LinearJob.Plan(test: 1000);
    private readonly BucketPlan buckets = new(LinearJob.Layout, 1, 1 << 20);
    private IActorRef coordinator = ActorRefs.Nobody;
    private Snapshots? snapshots;

    public ResidualCoordinatorTests() : base(PatientKit.Config) => server = CreateTestProbe();

    private void Start(long every = 100, bool exact = false, long from = 0, FirstStates? first = null)
    {
        snapshots = new Snapshots(buckets, 1, every, _ => { });
        var setup = new CoordinatorSetup
        {
            Job = new JobId(Guid.NewGuid()), Plan = plan, Buckets = buckets, Servers = [server.Ref], Codec = CodecSpec.ParseGradient("topk:0.1"), ExactRecovery = exact, StartStep = from, First = first ?? new FirstStates([]),
            MinWorkers = 2, WorkersMayJoin = true, Observer = e => events.Add(e), Compute = new InlineCompute(), Clock = clock, Snapshots = snapshots,
        };
        coordinator = Sys.ActorOf(Props.Create(() => new CoordinatorActor(setup)));
    }

    private (TestProbe Probe, WorkerId Id) Join(string name, TestProbe? again = null)
    {
        var probe = again ?? CreateTestProbe();
        coordinator.Tell(new Membership.Join(Membership.ProtocolVersion, name, new Incarnation(1), 1, LinearJob.Layout.Hash), probe);
        return (probe, probe.FishForMessage<Membership.Welcome>(_ => true).Worker);
    }

    private void Applied(long step) => coordinator.Tell(new Progress.Applied(new Term(1), default, step, [new Gradients.Leaf(0, plan.BatchOf(step), 1, 1, 0, 0)], double.NaN, false, step + 1), server);

    private void Wants(TestProbe probe, WorkerId worker, int leaf, long after) => coordinator.Tell(new Residuals.Wanted(new Term(1), worker, leaf, after), probe);

    private void Report(TestProbe probe, WorkerId worker) =>
        coordinator.Tell(new Evaluation.Report(new Term(1), 4, worker, [.. Enumerable.Range(0, 4).Select(i => new Evaluation.Slice(i, 250, 250, 250.0 * i, 125, 250))]), probe);

    private static IReadOnlyList<object> Rest(TestProbe probe) => probe.ReceiveWhile<object>(message => message, TimeSpan.FromSeconds(3), Moment);

    private void Send(Residuals.Order order) =>
        coordinator.Tell(new TensorArrived(new Residuals.State(order.Term, order.Leaf, order.After), new TensorSlice(new FloatBuffer(16), 0, 16)));

    [Theory]
    [InlineData(100, true)]
    [InlineData(4, true)]
    [InlineData(100, false)]
    [InlineData(4, false)]
    public void A_stop_during_an_evaluation_ends_the_run_with_the_states_of_its_step(long every, bool isEvaluated)
    {
        Start(every);
        var (first, a) = Join("a");
        Join("b");
        for (long step = 0; step < 4; step++) Applied(step);
        first.FishForMessage<Evaluation.Order>(_ => true);
        coordinator.Tell(new Schedule.Stop("enough"));
        List<Residuals.Order> asked = [.. Enumerable.Range(0, 4).Select(_ => first.ExpectMsg<Residuals.Order>())];
        // What was being evaluated may come to its end while the states are on their way.
        if (isEvaluated) Report(first, a);
        asked.ForEach(Send);
        Assert.Equal("Interrupted", first.ExpectMsg<Schedule.JobEnded>().Outcome);
        var interrupted = Assert.IsType<RunEvent.Interrupted>(events[^1]);
        Assert.Equal((4L, "enough", true), (interrupted.Totals.Steps, interrupted.Reason, interrupted.Clean));
        Assert.Equal([(0, 2L), (1, 3L), (2, 2L), (3, 3L)], snapshots!.LastResiduals.Select(state => (state.Key, state.Value.After)).Order());
        Assert.Empty(events.OfType<RunEvent.EpochDone>());
    }

    [Fact]
    public void A_state_that_the_run_began_with_is_kept_until_its_leaf_was_computed()
    {
        var first = new FirstStates(Enumerable.Range(0, 4).Select(leaf => KeyValuePair.Create(leaf, new ResidualState(2, new FloatBuffer(16)))));
        Start(from: 3, first: first);
        var (worker, a) = Join("a");
        Join("b");
        Wants(worker, a, 3, 2);
        Assert.Equal(3, Assert.IsType<Residuals.State>(worker.FishForMessage<TensorArrived>(_ => true).Header).Leaf);
        clock.Tick();
        Wants(worker, a, 0, 2);
        worker.FishForMessage<TensorArrived>(arrived => arrived.Header is Residuals.State { Leaf: 0 });
        Assert.Equal(4, first.Count);
        // The epoch's last step has two samples, of the leaves 1 and 3.
        Applied(3);
        clock.Tick();
        AwaitAssert(() => Assert.Equal(2, first.Count));
        // Whoever is late asks for what is in the weights already.
        Wants(worker, a, 3, 2);
        Assert.Equal(3, worker.FishForMessage<Residuals.Zero>(_ => true).Leaf);
        Assert.DoesNotContain(events, e => e is RunEvent.Warning);
    }

    [Fact]
    public void A_state_that_was_sent_is_not_asked_for_again_while_it_is_on_its_way()
    {
        Start();
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        Wants(first, a, 2, 0);
        var order = second.FishForMessage<Residuals.Order>(_ => true);
        int copies = 0;
        for (int tick = 0; tick < 20; tick++)
        {
            copies++;
            coordinator.Tell(new Residuals.Answer(order.Term, b, 2, 0, order.To, true, 0), second);
            do
            {
                Wants(first, a, 2, 0);
                clock.Tick();
                tick++;
            }
            while (tick < 20 && !second.ReceiveWhile<object>(message => message, TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(5)).Any(message => message is Residuals.Order));
        }
        // At the start, and after 4, 8 more.
        Assert.InRange(copies, 2, 3);
        // The receiver says that it is there: from then on nobody is asked.
        coordinator.Tell(new Residuals.Answer(order.Term, a, 2, 0, order.To, true, 0), first);
        clock.Tick(12);
        Assert.DoesNotContain(Rest(second), message => message is Residuals.Order);
    }

    [Fact]
    public void A_worker_of_which_only_the_connection_broke_is_asked_when_it_is_back()
    {
        Start();
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        coordinator.Tell(new Membership.Lost(b, new Incarnation(1), 0));
        Wants(first, a, 2, 0);
        clock.Tick();
        coordinator.Tell(new Membership.Heartbeat(b, new Incarnation(1), new Term(1), default, default), second);
        second.FishForMessage<Membership.Rejoin>(_ => true);
        (_, b) = Join("b", second);
        clock.Tick();
        var order = second.FishForMessage<Residuals.Order>(_ => true);
        Assert.Equal((2, 0L, first.Ref), (order.Leaf, order.After, order.To));
        coordinator.Tell(new Residuals.Answer(order.Term, b, 2, 0, order.To, true, 0), second);
        clock.Tick(4);
        Assert.DoesNotContain(Rest(first), message => message is Residuals.Zero);
        Assert.Empty(events.OfType<RunEvent.Warning>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_state_that_nobody_has_is_lost_after_a_few_ticks(bool exact)
    {
        Start(exact: exact);
        var (first, a) = Join("a");
        var (_, b) = Join("b");
        coordinator.Tell(new Membership.Lost(b, new Incarnation(1), 0));
        for (int tick = 0; tick < 3; tick++)
        {
            Wants(first, a, 2, 0);
            clock.Tick();
        }
        if (exact)
        {
            first.FishForMessage<Schedule.JobEnded>(_ => true);
            Assert.IsType<RunEvent.RolledBack>(events[^1]);
            return;
        }
        Assert.Equal(2, first.FishForMessage<Residuals.Zero>(_ => true).Leaf);
        Assert.Contains("the residual of shard 2 was lost", Assert.Single(events.OfType<RunEvent.Warning>(), e => e.Text.Contains("lost", StringComparison.Ordinal)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stopped_run_whose_states_are_lost_stays_stopped_and_leaves_its_last_checkpoint()
    {
        Start(exact: true);
        var (first, a) = Join("a");
        var (_, b) = Join("b");
        for (long step = 0; step < 4; step++) Applied(step);
        first.FishForMessage<Evaluation.Order>(_ => true);
        coordinator.Tell(new Schedule.Stop("enough"));
        var order = first.FishForMessage<Residuals.Order>(asked => asked.Leaf == 3);
        foreach (var worker in new[] { a, b }) coordinator.Tell(new Residuals.Answer(order.Term, worker, 3, order.After, order.To, false, -2));
        clock.Tick(3);
        first.FishForMessage<Schedule.JobEnded>(_ => true);
        Assert.False(Assert.IsType<RunEvent.Interrupted>(events[^1]).Clean);
    }

    [Fact]
    public void A_worker_that_leaves_stays_until_others_have_its_states_or_the_run_is_over()
    {
        Start();
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        var leave = new Membership.Leave(b, new Incarnation(1));
        coordinator.Tell(leave, second);
        coordinator.Tell(leave, second);
        second.FishForMessage<Membership.Stay>(_ => true);
        // Longer than anybody would wait in silence: who needs a state says so in each tick, who leaves too.
        for (int tick = 0; tick < 12; tick++)
        {
            Wants(first, a, 2, 0);
            coordinator.Tell(leave, second);
            clock.Tick();
        }
        var order = second.FishForMessage<Residuals.Order>(_ => true);
        Assert.Equal(2, order.Leaf);
        coordinator.Tell(new Residuals.Answer(order.Term, b, 2, 0, order.To, true, 0), second);
        coordinator.Tell(leave, second);
        coordinator.Tell(new Residuals.Answer(order.Term, a, 2, 0, order.To, true, 0), first);
        // Nobody has asked for leaf 3 for so long that nobody needs it.
        Assert.Equal("released", second.FishForMessage<Schedule.JobEnded>(_ => true).Outcome);
        coordinator.Tell(leave, second);
        second.ExpectMsg<Schedule.JobEnded>();
        Assert.Empty(events.OfType<RunEvent.Warning>());
    }

    /// <summary>Who takes a leaf over may be a step behind, and need a newer state next, which only the one that leaves has.</summary>
    [Fact]
    public void A_worker_that_leaves_stays_while_it_has_a_newer_state_than_arrived()
    {
        Start();
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        var leave = new Membership.Leave(b, new Incarnation(1));
        coordinator.Tell(leave, second);
        Wants(first, a, 2, 0);
        var order = second.FishForMessage<Residuals.Order>(_ => true);
        coordinator.Tell(new Residuals.Answer(order.Term, b, 2, 0, order.To, true, 1), second);
        coordinator.Tell(new Residuals.Answer(order.Term, a, 2, 0, order.To, true, 0), first);
        for (int tick = 0; tick < 8; tick++)
        {
            Wants(first, a, 2, 1);
            coordinator.Tell(leave, second);
            clock.Tick();
        }
        Assert.DoesNotContain(Rest(second), message => message is Schedule.JobEnded);
        coordinator.Tell(new Residuals.Answer(order.Term, b, 2, 1, order.To, true, 1), second);
        coordinator.Tell(new Residuals.Answer(order.Term, a, 2, 1, order.To, true, 1), first);
        Assert.Equal("released", second.FishForMessage<Schedule.JobEnded>(_ => true).Outcome);
    }

    [Fact]
    public void A_worker_that_leaves_hears_of_the_runs_end()
    {
        Start();
        Join("a");
        var (second, b) = Join("b");
        coordinator.Tell(new Membership.Leave(b, new Incarnation(1)), second);
        coordinator.Tell(new Progress.Failed(new Term(1), "it broke"));
        Assert.Equal("Failed", second.FishForMessage<Schedule.JobEnded>(_ => true).Outcome);
    }
}
