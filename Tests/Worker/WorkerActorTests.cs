using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;

namespace DistTrain.Tests.Worker;

/// <summary>A worker among probes: the test plays coordinator and server.</summary>
public sealed class WorkerActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly WorkerId Me = new(7);
    private static readonly WorkerId Other = new(8);
    private readonly TestProbe server;
    private readonly WeightStore store = new(0, LinearJob.Start());
    private readonly IActorRef worker;

    public WorkerActorTests() : base(PatientKit.Config)
    {
        server = CreateTestProbe();
        worker = Sys.ActorOf(Props.Create(() => new WorkerActor(new WorkerSetup
        {
            Name = "w", Incarnation = new Incarnation(5), Coordinator = TestActor, Plan = LinearJob.Plan(), Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 20),
            CreateReplica = () => new LinearReplica(LinearJob.Plan()), Compute = new InlineCompute(), Store = store, Clock = new StillClock(),
        })));
        Assert.Equal(new Incarnation(5), ExpectMsg<Membership.Join>().Incarnation);
        worker.Tell(new Membership.Welcome(Job, new Term(3), Me, new Incarnation(5), ImmutableArray.Create<IActorRef>(server.Ref)));
        ExpectMsg<Membership.Heartbeat>();
        Assert.Equal(-1, server.ExpectMsg<Weights.Wanted>().Version);
    }

    private void Assign(int revision, params WorkerId[] owners) => worker.Tell(new Schedule.Assignment(new Term(3), new Revision(revision), [.. owners]));

    private void Reach(int revision, long until) => worker.Tell(new Schedule.Horizon(new Term(3), new Revision(revision), until));

    private void Publish(long version)
    {
        store.Open(version);
        worker.Tell(new TensorArrived(new Weights.Published(new Term(3), version, 0), default));
    }

    private (long Step, int Lo, int Hi) Sent()
    {
        var what = Assert.IsType<Gradients.Contribution>(server.ExpectMsg<TensorArrived>().Header).What;
        return (what.Step, what.Lo, what.Hi);
    }

    [Fact]
    public void It_computes_its_shards_once_weights_assignment_and_horizon_are_there_and_sums_aligned_blocks()
    {
        Publish(0);
        Assign(1, Other, Me, Me, Me);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Reach(1, 1);
        Assert.Equal((0, 1, 2), Sent());
        Assert.Equal((0, 2, 4), Sent());
        Publish(1);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Reach(2, 5);
        Assert.Equal((1, 1, 2), Sent());
    }

    [Fact]
    public void One_that_comes_while_buckets_are_a_version_apart_waits_for_a_whole_version_and_says_which_buckets_it_lacks()
    {
        var buckets = new BucketPlan(LinearJob.Layout, 1, 16384);
        var late = Sys.ActorOf(Props.Create(() => new WorkerActor(new WorkerSetup
        {
            Name = "late", Incarnation = new Incarnation(6), Coordinator = TestActor, Plan = LinearJob.Plan(), Buckets = buckets,
            CreateReplica = () => new LinearReplica(LinearJob.Plan()), Compute = new InlineCompute(), Store = store, Clock = new StillClock(),
        })));
        FishForMessage<Membership.Join>(join => join.Name == "late");
        late.Tell(new Membership.Welcome(Job, new Term(3), Me, new Incarnation(6), ImmutableArray.Create<IActorRef>(server.Ref)));
        Assert.Equal([-1L, -1, -1], server.FishForMessage<Weights.Wanted>(_ => true).Newest.ToArray());
        late.Tell(new Schedule.Horizon(new Term(3), new Revision(1), 9));
        late.Tell(new Schedule.Assignment(new Term(3), new Revision(1), [Me, Me, Me, Me]));
        void Arrives(long version, int bucket) => late.Tell(new TensorArrived(new Weights.Published(new Term(3), version, bucket), default));
        store.Open(4);
        store.Open(5);
        Arrives(4, 0);
        Arrives(5, 1);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Arrives(5, 2);
        var wanted = server.ExpectMsg<Weights.Wanted>();
        Assert.Equal([4L, 5, 5], wanted.Newest.ToArray());
        Assert.Equal([1, 2], wanted.Skipped.ToArray());
        Arrives(4, 2);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Arrives(4, 1);
        Assert.Equal((4, 0, 4), Sent());
    }

    [Fact]
    public void An_assignment_that_moves_shards_here_makes_it_compute_what_is_missing_of_the_step_in_flight()
    {
        Publish(0);
        Reach(1, 4);
        Assign(1, Other, Other, Me, Other);
        Assert.Equal((0, 2, 3), Sent());
        Assign(2, Other, Other, Me, Me);
        Assert.Equal((0, 3, 4), Sent());
        Assign(1, Me, Me, Me, Me);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Publish(1);
        Assert.Equal((1, 2, 4), Sent());
    }

    [Fact]
    public void What_a_server_lacks_is_sent_again_with_the_same_floats()
    {
        Publish(0);
        Reach(1, 4);
        Assign(1, Me, Me, Other, Other);
        var first = server.ExpectMsg<TensorArrived>();
        float[] floats = first.Tensor.Span.ToArray();
        worker.Tell(new Gradients.Missing(new Term(3), 0, 0, [2, 3]));
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        worker.Tell(new Gradients.Missing(new Term(3), 0, 0, [1, 2, 3]));
        var again = server.ExpectMsg<TensorArrived>();
        Assert.Equal(first.Header, again.Header);
        Assert.Equal(floats, again.Tensor.Span.ToArray());
    }

    [Fact]
    public void When_told_to_halt_it_says_how_far_it_is_and_begins_no_other_step()
    {
        Publish(0);
        Reach(1, 10);
        Assign(1, Me, Me, Me, Me);
        Assert.Equal((0, 0, 4), Sent());
        worker.Tell(new Schedule.Halt(new Term(3), new Revision(2)));
        Assert.Equal(1, FishForMessage<Schedule.Halted>(_ => true).Next);
        Publish(1);
        Reach(1, 10);
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
        Reach(3, 2);
        Assert.Equal((1, 0, 4), Sent());
    }

    [Fact]
    public void Orders_of_another_term_are_not_followed()
    {
        Publish(0);
        Assign(1, Me, Me, Me, Me);
        worker.Tell(new Schedule.Horizon(new Term(2), new Revision(9), 10));
        worker.Tell(new Schedule.Horizon(new Term(4), new Revision(9), 10));
        server.ExpectNoMsg(TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public void A_worker_that_is_given_up_joins_again()
    {
        worker.Tell(new Membership.Rejoin(new Term(3)));
        ExpectMsg<Membership.Join>();
        worker.Tell(new Membership.Welcome(Job, new Term(3), Other, new Incarnation(5), ImmutableArray.Create<IActorRef>(server.Ref)));
        Assert.Equal(Other, ExpectMsg<Membership.Heartbeat>().Worker);
    }
}
