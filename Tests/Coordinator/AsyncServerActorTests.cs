using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Reduction;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using Schedule = DistTrain.Protocol.Schedule;

namespace DistTrain.Tests.Coordinator;

/// <summary>The server of <c>async</c> among probes: the test plays workers and coordinator.</summary>
public sealed class AsyncServerActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly Term Term = new(2);
    private readonly JobPlan plan = LinearJob.Plan();
    private TestActorRef<AsyncServerActor> server;
    private readonly Dictionary<(long Step, int Leaf), TestProbe> workers = [];
    private TestProbe? coordinator;

    public AsyncServerActorTests() : base(PatientKit.Config) => server = Start(Setup(), 1);

    private ServerSetup Setup() => new()
    {
        Job = Job, Term = Term, Plan = plan, Buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 30), Rule = new SGDRule(new SGDOptions()), LearningRate = _ => 0.5, State = [],
        Store = new WeightStore(0, LinearJob.Start()), Consistency = new Consistency.Async(), Compute = new InlineCompute(), Clock = new StillClock(),
    };

    private TestActorRef<AsyncServerActor> Start(ServerSetup setup, long horizon)
    {
        var started = ActorOfAsTestActorRef<AsyncServerActor>(Props.Create(() => new AsyncServerActor(setup)));
        started.Tell(new Progress.Wanted(Term, setup.StartStep), coordinator = CreateTestProbe());
        started.Tell(new Schedule.Horizon(Term, new Revision(1), horizon));
        return started;
    }

    private (int Leaf, TestProbe Worker) Ask(int id, TestProbe? known = null)
    {
        var worker = known ?? CreateTestProbe();
        server.Tell(new Pieces.Wanted(Term, new WorkerId(id)), worker);
        return (worker.ExpectMsg<Pieces.Granted>().Leaf, worker);
    }

    private void Send(int leaf, IActorRef worker, long step = 0)
    {
        var name = new Gradients.Name(Job, Term, step, 0, leaf, leaf + 1);
        var tensor = new TensorSlice(new FloatBuffer(LinearJob.Layout.Length), 0, LinearJob.Layout.Length);
        server.Tell(new TensorArrived(new Gradients.Contribution(name, new WorkerId(0), 0.25f, 0, [new Gradients.Leaf(leaf, 4, 4, 1, 1, 4)], 0), tensor), worker);
    }

    [Fact]
    public void A_grant_that_was_lost_is_said_again_also_when_there_is_nothing_else_to_hand_out()
    {
        var (first, one) = Ask(0);
        for (int id = 1; id < 4; id++) Ask(id);
        Assert.Equal(first, Ask(0, one).Leaf);
    }

    [Fact]
    public void A_worker_that_was_given_up_gets_nothing_for_what_it_asked_before_and_its_piece_goes_to_others()
    {
        var (piece, dead) = Ask(0);
        server.Tell(new Membership.Lost(new WorkerId(0), new Incarnation(1), 0));
        server.Tell(new Pieces.Wanted(Term, new WorkerId(0)), dead);
        var others = Enumerable.Range(1, 4).Select(id => Ask(id).Leaf).ToList();
        Assert.Contains(piece, others);
        Assert.Equal([0, 1, 2, 3], others.Order());
        dead.ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void A_piece_is_taken_from_its_worker_alone_and_once()
    {
        var (piece, slow) = Ask(0);
        server.Tell(new Membership.Lost(new WorkerId(0), new Incarnation(1), 0));
        var (same, quick) = Ask(1);
        Assert.Equal(piece, same);
        // What the first one sends late is forgotten by both sides.
        Send(piece, slow);
        slow.ExpectMsg<Pieces.Applied>();
        quick.ExpectNoMsg(TimeSpan.Zero);
        Send(piece, quick);
        quick.ExpectMsg<Pieces.Applied>();
        Send(piece, quick);
        quick.ExpectMsg<Pieces.Applied>();
        for (int id = 2; id < 5; id++)
        {
            var (leaf, worker) = Ask(id);
            Assert.NotEqual(piece, leaf);
            Send(leaf, worker);
            worker.ExpectMsg<Pieces.Applied>();
        }
    }

    [Fact]
    public void What_is_remembered_of_workers_that_were_given_up_ends_with_them()
    {
        for (int id = 0; id < 200; id++)
        {
            var (_, worker) = Ask(id);
            server.Tell(new Membership.Lost(new WorkerId(id), new Incarnation(1), 0));
            Sys.Stop(worker);
        }
        AwaitAssert(() => Assert.Equal(0, server.UnderlyingActor.Remembered), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_slow_link_is_sent_one_version_at_a_time_and_then_the_newest()
    {
        const int Steps = 60;
        var slow = new StuckChannel();
        var store = new WeightStore(0, LinearJob.Start());
        var quick = CreateTestProbe();
        var setup = new ServerSetup
        {
            Job = Job, Term = Term, Plan = LinearJob.Plan(train: 16 * Steps, epochs: 1), Buckets = new BucketPlan(LinearJob.Layout, 1, 16384), Rule = new SGDRule(new SGDOptions()), LearningRate = _ => 0.5, State = [],
            Store = store, Consistency = new Consistency.Async(), Compute = new InlineCompute(), Clock = new StillClock(),
            Connect = (receiver, sender) => receiver.Equals(quick.Ref) ? new InProcessChannel(receiver, sender) : slow,
        };
        int buckets = setup.Buckets.Buckets.Length;
        var other = Sys.ActorOf(Props.Create(() => new AsyncServerActor(setup)));
        other.Tell(new Schedule.Horizon(Term, new Revision(1), Steps));
        long[] none = [.. Enumerable.Repeat(-1L, buckets)];
        other.Tell(new Weights.Wanted(Term, new WorkerId(1), -1, [.. none], []), CreateTestProbe());
        other.Tell(new Weights.Wanted(Term, new WorkerId(0), -1, [.. none], []), quick);
        for (int piece = 0; piece < 4 * Steps; piece++)
        {
            other.Tell(new Pieces.Wanted(Term, new WorkerId(0)), quick);
            var granted = quick.FishForMessage<Pieces.Granted>(_ => true);
            foreach (var bucket in setup.Buckets.Buckets)
            {
                var name = new Gradients.Name(Job, Term, granted.Step, bucket.Index, granted.Leaf, granted.Leaf + 1);
                other.Tell(new TensorArrived(new Gradients.Contribution(name, new WorkerId(0), 0.25f, 0, [new Gradients.Leaf(granted.Leaf, 4, 4, 1, 1, 4)], 0), new TensorSlice(new FloatBuffer(bucket.Length), 0, bucket.Length)), quick);
            }
            quick.FishForMessage<Pieces.Applied>(_ => true);
        }
        Assert.Equal(buckets, slow.Sent.Count);
        Assert.InRange(store.Allocated, 1, 3);
        foreach (var (_, done) in slow.Sent.ToArray()) done!.Dispose();
        AwaitAssert(() => Assert.Equal(2 * buckets, slow.Sent.Count));
        Assert.All(slow.Sent.Skip(buckets), sent => Assert.Equal(4 * Steps, sent.Version));
    }

    /// <summary>A channel to a worker over a link that moves only when the test says so.</summary>
    private sealed class StuckChannel : ITensorChannel
    {
        public System.Collections.Concurrent.ConcurrentQueue<(long Version, IDisposable? Done)> Sent { get; } = new();

        public void Send(IProtocolMessage header, TensorSlice tensor, IDisposable? done = null) => Sent.Enqueue((((Weights.Published)header).Version, done));
    }

    [Fact]
    public void What_is_saved_names_pieces_of_later_steps_and_a_server_that_goes_on_hands_out_the_others()
    {
        var whole = new List<Snapshot>();
        var buckets = new BucketPlan(LinearJob.Layout, 1, 1 << 30);
        var snapshots = new Snapshots(buckets, 0, 1, whole.Add);
        server = Start(Setup() with { Snapshots = snapshots }, 2);
        var granted = Enumerable.Range(0, 7).Select(_ => Next()).ToList();
        Assert.Equal([(0L, 0), (0L, 1), (0L, 2), (0L, 3), (1L, 0), (1L, 1), (1L, 2)], granted);
        // The last piece of the first step comes after two of the second.
        foreach (var (step, leaf) in granted.Where(piece => piece is not ((0, 3) or (1, 1)))) Send(leaf, Of(step, leaf), step);
        Assert.Empty(whole);
        Send(3, Of(0, 3));
        snapshots.Note(1, new Dictionary<string, string> { ["epoch"] = "…" }, null);
        var saved = Assert.Single(whole);
        var progress = AsyncProgress.Parse(saved.Added[AsyncProgress.Note], 1, plan.Pieces);
        Assert.Equal(6, progress.Version);
        Assert.Equal([(1L, 0), (1L, 2)], progress.Ahead.Select(piece => (piece.Step, piece.Leaf.Piece)).Order());

        workers.Clear();
        server = Start(Setup() with { StartStep = 1, Resumed = progress, Store = new WeightStore(6, LinearJob.Start()) }, 2);
        Assert.Equal([(1L, 1), (1L, 3)], [Next(), Next()]);
        Send(1, Of(1, 1), 1);
        coordinator!.ExpectNoMsg(TimeSpan.Zero);
        Send(3, Of(1, 3), 1);
        var applied = coordinator.ExpectMsg<Progress.Applied>();
        Assert.Equal((1L, 8L), (applied.Step, applied.Version));
        Assert.Equal([0, 1, 2, 3], applied.Leaves.Select(leaf => leaf.Piece));

        (long, int) Next()
        {
            var asking = CreateTestProbe();
            server.Tell(new Pieces.Wanted(Term, new WorkerId(workers.Count)), asking);
            var piece = asking.ExpectMsg<Pieces.Granted>();
            workers.Add((piece.Step, piece.Leaf), asking);
            return (piece.Step, piece.Leaf);
        }

        TestProbe Of(long step, int leaf) => workers[(step, leaf)];
    }

    [Fact]
    public void A_step_all_of_whose_pieces_were_ahead_is_told_of_when_the_run_goes_on()
    {
        var ahead = Enumerable.Range(0, 4).Select(leaf => (1L, new Gradients.Leaf(leaf, 4, 4, 1, 1, 4))).Append((2L, new Gradients.Leaf(1, 4, 4, 1, 1, 4)));
        var progress = new AsyncProgress(9, [.. ahead]);
        Assert.Equal(progress.Ahead.ToArray(), AsyncProgress.Parse(progress.ToText(), 1, 4).Ahead.ToArray());
        server = Start(Setup() with { StartStep = 1, Resumed = progress, Store = new WeightStore(9, LinearJob.Start()) }, 1);
        Assert.Equal(1, coordinator!.ExpectMsg<Progress.Applied>().Step);
        // A halt ends what was begun, by the run before too.
        server.Tell(new Schedule.Halt(Term, new Revision(2)));
        Assert.Equal(3, coordinator.ExpectMsg<Schedule.Halted>().Next);
    }

    [Theory]
    [InlineData("")]
    [InlineData("7 1:2")]
    [InlineData("7 0:0:4:4:1:1:4:0")]
    [InlineData("7 1:4:4:4:1:1:4:0")]
    [InlineData("7 1:0:4:4:1:1:4:0 1:0:4:4:1:1:4:0")]
    [InlineData("-7")]
    public void A_note_that_makes_no_sense_is_refused(string note) =>
        Assert.Contains($"note 'async' was '{note}'", Assert.Throws<UserErrorException>(() => AsyncProgress.Parse(note, 1, 4)).Message, StringComparison.Ordinal);
}
