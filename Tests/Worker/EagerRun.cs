using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Data;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

/// <summary>A worker with a model and a compute thread of its own; the test plays coordinator and server and publishes its weights bucket by bucket.</summary>
internal sealed class EagerRun : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly JobId Job = new(Guid.NewGuid());
    public static readonly WorkerId Me = new(7);
    private static readonly WorkerId Other = new(8);
    private static readonly DataSplit Digits = DataSources.Open("digits:64,0");

    private readonly ComputeGroup group = new();
    private readonly Timeline timeline = new();
    private readonly ModelReplica reference;
    private readonly BucketPlan buckets;
    private readonly TrainingJob job;

    public EagerRun(TestKit test, bool reversed, int shards)
    {
        job = JobOf(reversed, shards, layer => Ran.Enqueue(layer));
        reference = new ModelReplica(JobOf(reversed, shards, _ => { }));
        buckets = new BucketPlan(reference.Layout, 1, 16384);
        All = [.. Enumerable.Range(0, buckets.Buckets.Length)];
        Store = new WeightStore(0, new FloatBuffer(reference.Layout.Length));
        Server = test.CreateTestProbe();
        Thread = group.Add("w");
        var setup = new WorkerSetup
        {
            Name = "w", Coordinator = test.TestActor, Plan = job.Plan(), Buckets = buckets, CreateReplica = () => new ModelReplica(job), Compute = Thread, Store = Store, Clock = new StillClock(), Timeline = timeline,
        };
        Worker = test.Sys.ActorOf(Props.Create(() => new WorkerActor(setup)));
        test.FishForMessage<Membership.Join>(_ => true, Patience);
        Welcome(new Term(3));
        Assign(1, [Me, .. Enumerable.Repeat(Other, shards - 1)]);
        Worker.Tell(new Schedule.Horizon(new Term(3), new Revision(1), 100));
    }

    public ConcurrentQueue<int> Ran { get; } = new();

    public int[] All { get; }

    public WeightStore Store { get; }

    public TestProbe Server { get; }

    public IActorRef Worker { get; }

    public ComputeThread Thread { get; }

    public void Welcome(Term term)
    {
        Worker.Tell(new Membership.Welcome(Job, term, Me, new Incarnation(1), ImmutableArray.Create<IActorRef>(Server.Ref)));
        Server.ExpectMsg<Weights.Wanted>(Patience);
    }

    public void Assign(int revision, params WorkerId[] owners) => Worker.Tell(new Schedule.Assignment(new Term(3), new Revision(revision), [.. owners]));

    public void Publish(long version, params int[] which)
    {
        var target = Store.Open(version);
        foreach (int number in which)
        {
            var bucket = buckets.Buckets[number];
            WeightsOf(version).Slice(bucket.Offset, bucket.Length).CopyTo(target.Slice(bucket.Offset, bucket.Length));
            Worker.Tell(new TensorArrived(new Weights.Published(new Term(3), version, number), default));
        }
    }

    public void AwaitLayer(int layer, int times = 1) =>
        Assert.True(SpinWait.SpinUntil(() => Ran.Count(ran => ran == layer) >= times, Patience), $"layer {layer} did not run {times} times");

    public void AwaitFreeThread()
    {
        using var free = new ManualResetEventSlim();
        Thread.Post(new Doing(free.Set));
        Assert.True(free.Wait(Patience), "the compute thread waits on");
    }

    /// <summary>All buckets of the leaves of a step, with the bits that weights which were there from the start give.</summary>
    public void ExpectGradients(long step, int leaf = 0, int leaves = 1)
    {
        var expected = new FloatBuffer(reference.Layout.Length);
        var found = new Dictionary<int, int>();
        if (leaves == 1) reference.Compute(job.Plan().PieceAt(step, leaf), WeightsOf(step), expected, null);
        while (found.Count < buckets.Buckets.Length)
        {
            var arrived = Server.FishForMessage<TensorArrived>(_ => true, Patience);
            var contribution = Assert.IsType<Gradients.Contribution>(arrived.Header);
            Assert.Equal((step, step, leaf, leaf + leaves), (contribution.What.Step, contribution.Version, contribution.What.Lo, contribution.What.Hi));
            found.Add(contribution.What.Bucket, 1);
            var bucket = buckets.Buckets[contribution.What.Bucket];
            if (leaves == 1) Assert.True(expected.Slice(bucket.Offset, bucket.Length).SequenceEqual(arrived.Tensor.Span), $"bucket {bucket.Index} of step {step} has other bits");
        }
    }

    public IReadOnlyList<TimelineSpan> Spans => timeline.Spans;

    public void Dispose()
    {
        group.Dispose();
        reference.Dispose();
    }

    private FloatBuffer WeightsOf(long version)
    {
        var weights = reference.InitialValues();
        for (int i = 0; i < weights.Length; i++) weights.Span[i] *= 1f + 0.001f * version * ((i % 7) - 3);
        return weights;
    }

    public static TrainingJob JobOf(bool reversed, int shards, Action<int> ran) => new()
    {
        Model = () => new EagerLayers(reversed, ran),
        Data = Digits,
        BatchSize = 16,
        Shards = shards,
        Epochs = 4,
        Seed = 4,
    };

    /// <summary>Work that does what a test says.</summary>
    public sealed class Doing(Action what) : IWork
    {
        public void Run() => what();
    }
}
