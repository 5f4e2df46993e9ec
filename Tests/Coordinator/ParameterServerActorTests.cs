using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Serving;
using DistTrain.Optim;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator;

/// <summary>A parameter server among probes: the test plays workers and coordinator.</summary>
public sealed class ParameterServerActorTests : TestKit
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private readonly JobPlan plan = LinearJob.Plan();
    private readonly BucketPlan buckets = new(LinearJob.Layout, 1, 1 << 30);
    private readonly WeightStore store = new(0, LinearJob.Start());
    private readonly IActorRef server;

    public ParameterServerActorTests() : base(PatientKit.Config)
    {
        server = Sys.ActorOf(Props.Create(() => new ParameterServerActor(new ServerSetup
        {
            Job = Job, Term = new Term(2), Plan = plan, Buckets = buckets, Rule = new SGDRule(new SGDOptions()), LearningRate = _ => 0.5, State = new FloatBuffer[0],
            Store = store, Compute = new InlineCompute(), Clock = new StillClock(),
        })));
        server.Tell(new Progress.Wanted(new Term(2), 0), TestActor);
        server.Tell(new Weights.Wanted(new Term(2), new WorkerId(0), 0, [0], []), TestActor);
        Assert.Equal([0, 1, 2, 3], ExpectMsg<Gradients.Missing>().Leaves.ToArray());
    }

    private static FloatBuffer Gradient(float value)
    {
        var buffer = new FloatBuffer(LinearJob.Layout.Length);
        for (int i = 0; i < buffer.Length; i++) buffer.Span[i] = value + i * 0.001f;
        return buffer;
    }

    private void Send(int lo, int hi, float value, float scale = 0.25f, long step = 0, long term = 2, int? length = null, IActorRef? sender = null)
    {
        var name = new Gradients.Name(Job, new Term(term), step, 0, lo, hi);
        var leaves = Enumerable.Range(lo, hi - lo).Select(leaf => new Gradients.Leaf(leaf, 4, 4, leaf, 1, 4));
        server.Tell(new TensorArrived(new Gradients.Contribution(name, new WorkerId(0), scale, step, [.. leaves], 0), new TensorSlice(Gradient(value), 0, length ?? LinearJob.Layout.Length)), sender ?? TestActor);
    }

    private float[] Expected(FloatBuffer from, params (float Value, float Scale)[] sumOf)
    {
        // ((0 + 1) + (2 + 3)) for four leaves; two nodes of two leaves otherwise.
        float[][] scaled = [.. sumOf.Select(part => Gradient(part.Value).Span.ToArray().Select(x => x * part.Scale).ToArray())];
        float[] Add(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x + y)];
        float[] sum = scaled.Length == 4 ? Add(Add(scaled[0], scaled[1]), Add(scaled[2], scaled[3])) : Add(scaled[0], scaled[1]);
        var result = new FloatBuffer(from.Length);
        new SGDRule(new SGDOptions()).Apply(1, 0.5, 1f, from.Span, sum, new StateSlices([], 0, from.Length), result.Span);
        return result.Span.ToArray();
    }

    private float[] Weights(long version)
    {
        Assert.True(store.TryRead(version, out var lease));
        return lease.Weights.Span.ToArray();
    }

    [Fact]
    public void It_averages_exactly_the_named_contributions_whatever_their_order_and_publishes_the_next_version()
    {
        foreach (int leaf in (int[])[2, 0, 3]) Send(leaf, leaf + 1, leaf);
        ExpectNoMsg(TimeSpan.Zero);
        Send(1, 2, 1f);
        var published = Assert.IsType<Weights.Published>(ExpectMsg<TensorArrived>().Header);
        Assert.Equal(1, published.Version);
        var applied = ExpectMsg<Progress.Applied>();
        Assert.Equal([0, 1, 2, 3], applied.Leaves.Select(leaf => leaf.Piece));
        Assert.Equal(Expected(LinearJob.Start(), (0, 0.25f), (1, 0.25f), (2, 0.25f), (3, 0.25f)), Weights(1));
        Assert.Equal(LinearJob.Start().Span.ToArray(), Weights(0));
    }

    [Fact]
    public void A_node_that_is_lost_gets_no_weights_until_it_asks_again()
    {
        server.Tell(new NodeLost(TestActor.Path.Address, 0));
        for (int leaf = 0; leaf < 4; leaf++) Send(leaf, leaf + 1, leaf);
        ExpectMsg<Progress.Applied>();
        server.Tell(new Weights.Wanted(new Term(2), new WorkerId(0), 0, [0], []), TestActor);
        Assert.Equal(1, Assert.IsType<Weights.Published>(ExpectMsg<TensorArrived>().Header).Version);
    }

    [Fact]
    public void Duplicates_and_late_contributions_are_ignored()
    {
        for (int leaf = 0; leaf < 4; leaf++)
        {
            Send(leaf, leaf + 1, leaf);
            if (leaf < 3) Send(leaf, leaf + 1, 100f);
        }
        ExpectMsg<TensorArrived>();
        ExpectMsg<Progress.Applied>();
        Send(0, 1, 100f);
        Send(2, 4, 100f);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        Assert.Equal(Expected(LinearJob.Start(), (0, 0.25f), (1, 0.25f), (2, 0.25f), (3, 0.25f)), Weights(1));
    }

    [Fact]
    public void A_larger_node_replaces_the_leaves_it_contains_and_later_leaves_of_it_are_duplicates()
    {
        Send(0, 1, 50f);
        Send(0, 2, 7f, 1f);
        Send(1, 2, 60f);
        Send(2, 4, 8f, 1f);
        ExpectMsg<TensorArrived>();
        Assert.Equal([0, 1, 2, 3], ExpectMsg<Progress.Applied>().Leaves.Select(leaf => leaf.Piece));
        Assert.Equal(Expected(LinearJob.Start(), (7, 1f), (8, 1f)), Weights(1));
    }

    [Fact]
    public void A_wrong_shape_term_step_or_node_is_answered_with_an_error_to_its_sender_and_the_state_is_kept()
    {
        var stranger = CreateTestProbe();
        Send(0, 1, 0f);
        Send(1, 2, 9f, length: 5, sender: stranger);
        Assert.Contains("it has 5 floats", stranger.ExpectMsg<Gradients.Refused>().Reason, StringComparison.Ordinal);
        Send(1, 2, 9f, term: 1, sender: stranger);
        Assert.Contains("term 1", stranger.ExpectMsg<Gradients.Refused>().Reason, StringComparison.Ordinal);
        Send(1, 3, 9f, sender: stranger);
        Assert.Contains("no node of the tree", stranger.ExpectMsg<Gradients.Refused>().Reason, StringComparison.Ordinal);
        Send(1, 2, 9f, step: 1, sender: stranger);
        Assert.Contains("step 1 is 1 ahead", stranger.ExpectMsg<Gradients.Refused>().Reason, StringComparison.Ordinal);
        for (int leaf = 1; leaf < 4; leaf++) Send(leaf, leaf + 1, leaf);
        ExpectMsg<TensorArrived>();
        Assert.Equal(Expected(LinearJob.Start(), (0, 0.25f), (1, 0.25f), (2, 0.25f), (3, 0.25f)), Weights(1));
    }

    [Fact]
    public void Two_answers_to_one_name_that_differ_end_the_run_and_name_shard_and_workers()
    {
        void Answer(int worker, ulong digest)
        {
            var name = new Gradients.Name(Job, new Term(2), 0, 0, 1, 2);
            server.Tell(new TensorArrived(new Gradients.Contribution(name, new WorkerId(worker), 0.25f, 0, [], digest), new TensorSlice(Gradient(1f), 0, LinearJob.Layout.Length)), TestActor);
        }
        Answer(3, 77);
        Answer(4, 77);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        Answer(5, 78);
        string error = ExpectMsg<Progress.Failed>().Error;
        Assert.Contains("shard 1 of step 0", error, StringComparison.Ordinal);
        Assert.Contains("workers 3 and 5", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_waits_is_told_what_is_there_and_asked_for_what_is_missing()
    {
        Send(0, 2, 1f, 1f);
        var late = CreateTestProbe();
        server.Tell(new Weights.Wanted(new Term(2), new WorkerId(5), -1, [-1], []), late);
        Assert.Equal(0, Assert.IsType<Weights.Published>(late.ExpectMsg<TensorArrived>().Header).Version);
        var missing = late.ExpectMsg<Gradients.Missing>();
        Assert.Equal((0L, 0), (missing.Step, missing.Bucket));
        Assert.Equal([2, 3], missing.Leaves.ToArray());
        Send(2, 4, 1f, 1f);
        Assert.Equal(1, Assert.IsType<Weights.Published>(late.ExpectMsg<TensorArrived>().Header).Version);
    }

    [Fact]
    public void A_worker_that_comes_while_buckets_are_a_version_apart_gets_the_older_one_too()
    {
        var three = new BucketPlan(LinearJob.Layout, 1, 16384);
        var held = new WeightStore(0, LinearJob.Start());
        var probe = CreateTestProbe();
        var apart = Sys.ActorOf(Props.Create(() => new ParameterServerActor(new ServerSetup
        {
            Job = Job, Term = new Term(2), Plan = plan, Buckets = three, Rule = new SGDRule(new SGDOptions()), LearningRate = _ => 0.5, State = new FloatBuffer[0],
            Store = held, Compute = new InlineCompute(), Clock = new StillClock(),
        })));
        var last = three.Buckets[^1];
        var first = CreateTestProbe();
        apart.Tell(new Weights.Wanted(new Term(2), new WorkerId(0), 0, [.. three.Buckets.Select(_ => 0L)], []), first);
        apart.Tell(new TensorArrived(new Gradients.Contribution(new Gradients.Name(Job, new Term(2), 0, last.Index, 0, 4), new WorkerId(0), 1f, 0, [], 0), new TensorSlice(Gradient(1f), last.Offset, last.Length)), first);
        first.FishForMessage<TensorArrived>(_ => true);
        apart.Tell(new Weights.Wanted(new Term(2), new WorkerId(5), -1, [.. three.Buckets.Select(_ => -1L)], []), probe);
        var got = three.Buckets.Select(_ => Assert.IsType<Weights.Published>(probe.FishForMessage<TensorArrived>(_ => true).Header)).ToDictionary(published => published.Bucket, published => published.Version);
        Assert.All(three.Buckets, bucket => Assert.Equal(bucket == last ? 1 : 0, got[bucket.Index]));
        apart.Tell(new Weights.Wanted(new Term(2), new WorkerId(5), -1, [.. three.Buckets.Select(bucket => got[bucket.Index])], [last.Index, 77]), probe);
        var older = probe.FishForMessage<TensorArrived>(_ => true);
        Assert.Equal(new Weights.Published(new Term(2), 0, last.Index), older.Header);
        Assert.Same(held.Open(0), older.Tensor.Buffer);
        Assert.Equal((last.Offset, last.Length), (older.Tensor.Offset, older.Tensor.Length));
        // What is there is not sent again.
        apart.Tell(new Weights.Wanted(new Term(2), new WorkerId(5), 0, [.. three.Buckets.Select(bucket => got[bucket.Index])], []), probe);
        probe.ReceiveWhile(TimeSpan.FromMilliseconds(50), message => message is TensorArrived ? throw new Xunit.Sdk.XunitException("sent again") : message);
    }

    [Fact]
    public void What_the_coordinator_did_not_hear_it_is_told_again()
    {
        for (int step = 0; step < 3; step++)
        {
            Send(0, 4, 1f, 1f, step);
            Assert.Equal(step + 1, Assert.IsType<Weights.Published>(ExpectMsg<TensorArrived>().Header).Version);
            Assert.Equal(step, ExpectMsg<Progress.Applied>().Step);
        }
        server.Tell(new Progress.Wanted(new Term(2), 1), TestActor);
        Assert.Equal([1L, 2L], new[] { ExpectMsg<Progress.Applied>().Step, ExpectMsg<Progress.Applied>().Step });
        server.Tell(new Progress.Wanted(new Term(2), 3), TestActor);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }
}
