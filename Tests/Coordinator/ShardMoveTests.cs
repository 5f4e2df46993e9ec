using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator;

/// <summary>Shards whose states depend on when they were computed move at rest only. The test plays workers and servers.</summary>
public sealed class ShardMoveTests : TestKit
{
    private readonly List<RunEvent> events = [];
    private readonly TestProbe server;
    private readonly HandClock clock = new();
    private readonly JobPlan plan = LinearJob.Plan(train: 160);
    private readonly IActorRef coordinator;

    public ShardMoveTests() : base(PatientKit.Config)
    {
        server = CreateTestProbe();
        var setup = new CoordinatorSetup
        {
            Job = new JobId(Guid.NewGuid()), Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 20), Servers = [server.Ref], Codec = CodecSpec.ParseGradient("topk:0.1"), Consistency = new Consistency.Ssp(2),
            MinWorkers = 2, WorkersMayJoin = true, Observer = e => events.Add(e), Compute = new InlineCompute(), Clock = clock,
        };
        coordinator = Sys.ActorOf(Props.Create(() => new CoordinatorActor(setup)));
    }

    private (TestProbe Probe, WorkerId Id) Join(string name)
    {
        var probe = CreateTestProbe();
        coordinator.Tell(new Membership.Join(Membership.ProtocolVersion, name, new Incarnation(1), 1, LinearJob.Layout.Hash), probe);
        return (probe, probe.FishForMessage<Membership.Welcome>(_ => true).Worker);
    }

    private void Applied(long step) => coordinator.Tell(new Progress.Applied(new Term(1), default, step, [new Gradients.Leaf(0, plan.BatchOf(step), 1, 1, 0, 0)], double.NaN, false, step + 1), server);

    private static Schedule.Assignment Assigned(TestProbe probe) => probe.FishForMessage<Schedule.Assignment>(_ => true);

    private void Halted(TestProbe probe, WorkerId worker, long next) => coordinator.Tell(new Schedule.Halted(new Term(1), probe.FishForMessage<Schedule.Halt>(_ => true).Revision, worker, next), probe);

    [Fact]
    public void Shards_move_to_a_worker_that_joins_once_all_that_was_begun_is_in_the_weights()
    {
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        Assert.Equal<WorkerId>([a, a, b, b], Assigned(first).Owners);
        Applied(0);
        var (third, c) = Join("c");
        Assert.Equal<WorkerId>([a, a, b, b], Assigned(third).Owners);
        Halted(first, a, 4);
        Halted(second, b, 2);
        coordinator.Tell(new Membership.Heartbeat(c, new Incarnation(1), new Term(1), default, default), third);
        Halted(third, c, 0);
        Assert.Equal(4, first.FishForMessage<Schedule.Horizon>(order => order.Until < plan.TotalSteps).Until);
        Applied(1);
        Applied(2);
        Assert.DoesNotContain(third.ReceiveWhile<object>(message => message, TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(50)), message => message is Schedule.Assignment assignment && assignment.Owners.Contains(c));
        Applied(3);
        var moved = Assigned(third);
        Assert.Equal<WorkerId>([a, c, b, b], moved.Owners);
        Assert.Equal(4, moved.From);
        Assert.True(third.FishForMessage<Schedule.Horizon>(_ => true).Until > 4);
    }

    [Fact]
    public void A_worker_that_leaves_computes_on_until_its_shards_may_move()
    {
        var (first, a) = Join("a");
        var (second, b) = Join("b");
        Applied(0);
        var leave = new Membership.Leave(b, new Incarnation(1));
        coordinator.Tell(leave, second);
        Assert.True(second.FishForMessage<Membership.Stay>(_ => true).Computes);
        Halted(first, a, 2);
        Halted(second, b, 1);
        Assert.Empty(events.OfType<RunEvent.WorkerLost>());
        coordinator.Tell(leave, second);
        Assert.True(second.FishForMessage<Membership.Stay>(_ => true).Computes);
        Applied(1);
        Assert.False(second.FishForMessage<Membership.Stay>(stay => !stay.Computes).Computes);
        Assert.Equal<WorkerId>([a, a, a, a], first.FishForMessage<Schedule.Assignment>(order => order.From == 2).Owners);
        Assert.True(Assert.Single(events.OfType<RunEvent.WorkerLost>()).Left);
    }

    [Fact]
    public void A_lost_workers_shards_go_to_others_at_once_who_keep_their_own()
    {
        var (first, a) = Join("a");
        var (_, b) = Join("b");
        Applied(0);
        coordinator.Tell(new Membership.Lost(b, new Incarnation(1), 0));
        var kept = first.FishForMessage<Schedule.Assignment>(order => !order.Owners.Contains(b));
        Assert.Equal<WorkerId>([a, a, a, a], kept.Owners);
        Assert.Equal(0, kept.From);
        var (third, c) = Join("c");
        Assert.Equal<WorkerId>([a, a, a, a], Assigned(third).Owners);
        Halted(first, a, 1);
        coordinator.Tell(new Membership.Heartbeat(c, new Incarnation(1), new Term(1), default, default), third);
        Halted(third, c, 0);
        // What the lost one may have begun is ended before anything moves.
        Assert.Equal(4, first.FishForMessage<Schedule.Horizon>(order => order.Until < plan.TotalSteps).Until);
        for (long step = 1; step < 4; step++) Applied(step);
        Assert.Equal<WorkerId>([a, a, c, c], first.FishForMessage<Schedule.Assignment>(order => order.From == 4).Owners);
    }

    [Fact]
    public void The_shards_of_the_gone_go_to_those_with_the_fewest_and_levelling_moves_no_more_than_it_must()
    {
        var random = new Random(4);
        for (int round = 0; round < 2000; round++)
        {
            int shards = random.Next(1, 17);
            ImmutableArray<WorkerId> owners = [.. Enumerable.Range(0, shards).Select(_ => new WorkerId(random.Next(6)))];
            WorkerId[] live = [.. Enumerable.Range(0, 8).Where(_ => random.Next(2) == 0).Select(i => new WorkerId(i)).DefaultIfEmpty(new WorkerId(9))];
            var kept = ShardAssignment.Keeping(owners, live);
            for (int shard = 0; shard < shards; shard++) Assert.True(live.Contains(owners[shard]) ? kept[shard] == owners[shard] : live.Contains(kept[shard]));
            var level = ShardAssignment.Level(owners, live);
            int[] loads = [.. live.Select(worker => level.Count(owner => owner == worker))];
            Assert.True(loads.Sum() == shards && loads.Max() - loads.Min() <= 1, string.Join(' ', loads));
            // As few as any even share of what is kept would move: each has at least the lower share, and so many one more as are left over.
            int[] before = [.. live.Select(worker => kept.Count(owner => owner == worker)).OrderDescending()];
            int least = before.Select((load, i) => Math.Max(0, load - (shards / live.Length + (i < shards % live.Length ? 1 : 0)))).Sum();
            Assert.Equal(least, Enumerable.Range(0, shards).Count(shard => level[shard] != kept[shard]));
        }
    }
}
