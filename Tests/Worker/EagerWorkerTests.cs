using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

/// <summary>A worker with a model and a compute thread of its own, whose weights come in bucket by bucket, as late as the test likes.</summary>
public sealed class EagerWorkerTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly WorkerId Me = new(7);
    private static readonly WorkerId Other = new(8);
    private static readonly DataSplit Digits = DataSources.Open("digits:64,0");

    public EagerWorkerTests() : base(ProtocolConfig.Shared) { }

    /// <summary>What may happen to a worker whose compute thread waits for weights.</summary>
    public enum Event
    {
        Stopped,
        Ended,
        Halted,
        NewTerm,
        GivenUp,
        Leaves,
        HandedOver,
        PassedOver,
        ThreadEnds,
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_of_the_first_layer_runs_before_the_last_bucket_is_here_whatever_the_order_of_registration(bool reversed)
    {
        using var run = new Run(this, reversed, shards: 1);
        var random = new Random(5);
        run.Publish(0, run.All);
        run.ExpectGradients(0);
        for (int version = 1; version < 6; version++)
        {
            run.Ran.Clear();
            // The first early piece finds out which bucket is read first; before, the lowest is taken for it.
            int last = !reversed ? run.All.Length - 2 : version == 1 ? 2 : 0;
            int[] others = [.. run.All.Where(bucket => bucket != last)];
            random.Shuffle(others);
            run.Publish(version, others);
            run.AwaitLayer(1);
            Assert.DoesNotContain(3, run.Ran);
            Assert.False(run.Server.HasMessages);
            run.Publish(version, last);
            run.ExpectGradients(version);
        }
        Assert.Contains(run.Spans(), span => span.Name == "wait" && span.Bucket == (reversed ? 0 : run.All.Length - 2));
        Assert.InRange(run.Store.Allocated, 2, 2);
    }

    public static TheoryData<Event> Events => [.. Enum.GetValues<Event>()];

    [Theory]
    [MemberData(nameof(Events))]
    public void A_wait_ends_at_every_point_with_whatever_ends_it_and_nothing_of_it_was_sent(Event happens)
    {
        int buckets;
        using (var first = new Run(this, false, shards: 2)) buckets = first.All.Length;
        for (int here = 1; here < buckets; here = here < 3 ? here + 1 : here + 3)
        {
            using var run = new Run(this, false, shards: 2);
            run.Publish(0, run.All);
            run.ExpectGradients(0, 0);
            run.Publish(1, run.All[..here]);
            run.AwaitLayer(0, times: 2);
            Happen(run, happens, here);
        }
    }

    private void Happen(Run run, Event happens, int here)
    {
        switch (happens)
        {
            case Event.Stopped: Sys.Stop(run.Worker); break;
            case Event.Ended: run.Worker.Tell(new Schedule.JobEnded(new Term(3), "Finished")); break;
            case Event.Leaves: run.Worker.Tell(WorkerActor.Leave.Instance); break;
            case Event.ThreadEnds: run.Thread.Dispose(); return;
            case Event.GivenUp: run.Worker.Tell(new Membership.Rejoin(new Term(3))); break;
            case Event.NewTerm:
                run.Welcome(new Term(4));
                break;
            case Event.Halted:
                run.Worker.Tell(new Schedule.Halt(new Term(3), new Revision(2)));
                Assert.Equal(1, FishForMessage<Schedule.Halted>(_ => true).Next);
                run.AwaitFreeThread();
                // One that goes on after all computes the same.
                run.Worker.Tell(new Schedule.Horizon(new Term(3), new Revision(3), 2));
                run.Publish(1, run.All[here..]);
                run.ExpectGradients(1, 0);
                return;
            case Event.HandedOver:
                // The other worker died: its piece of the step before is needed, or the weights will never be whole.
                run.Assign(2, Me, Me);
                run.ExpectGradients(0, 1);
                run.Publish(1, run.All[here..]);
                run.ExpectGradients(1, 0, 2);
                return;
            case Event.PassedOver:
                // What is missing comes of a later version only.
                run.Publish(2, run.All[^1]);
                run.AwaitFreeThread();
                run.Publish(2, run.All[..^1]);
                run.ExpectGradients(2, 0);
                return;
        }
        run.AwaitFreeThread();
        while (run.Server.HasMessages) Assert.IsNotType<TensorArrived>(run.Server.ReceiveOne(TimeSpan.Zero));
    }

    [Fact]
    public void A_thread_that_waits_lends_itself_to_shared_work()
    {
        using var group = new ComputeGroup();
        var thread = group.Add("alone");
        var shared = new Shared();
        using var done = new ManualResetEventSlim();
        thread.Post(new Doing(() =>
        {
            Assert.True(thread.WaitFor(shared));
            done.Set();
        }));
        shared.PostTo(group);
        Assert.True(done.Wait(Patience));
    }

    [Fact]
    public void Waiting_for_weights_allocates_nothing()
    {
        var job = JobOf(false, 1, _ => { });
        using var replica = new ModelReplica(job);
        FloatBuffer weights = replica.InitialValues(), gradient = new(replica.Layout.Length);
        replica.Arrivals = new Late();
        var bytes = new List<long>();
        for (int step = 0; step < 16; step++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            replica.Compute(new PieceId(step, 0), weights, gradient, null);
            bytes.Add(GC.GetAllocatedBytesForCurrentThread() - before);
        }
        // The first steps fill pools; an epoch's last one orders the next.
        Assert.Equal([0, 0, 0], bytes[^4..^1]);
    }

    private static TrainingJob JobOf(bool reversed, int shards, Action<int> ran) => new()
    {
        Model = () => new Layers(reversed, ran),
        Data = Digits,
        BatchSize = 16,
        Shards = shards,
        Epochs = 4,
        Seed = 4,
    };

    /// <summary>A module as users write them: registered in some order, a weight used twice, a parameter whose tensor was kept since it was made, running statistics.</summary>
    private sealed class Layers : Module
    {
        private readonly Action<int> ran;
        private readonly Linear first, middle, last;
        private readonly BatchNorm1d norm;
        private readonly Parameter scale;
        private readonly Tensor kept;

        public Layers(bool reversed, Action<int> ran)
        {
            this.ran = ran;
            (first, middle, last) = (new Linear(784, 32), new Linear(32, 512), new Linear(32, 10));
            if (reversed) (last, middle, first) = (Register("last", last), Register("middle", middle), Register("first", first));
            else (first, middle, last) = (Register("first", first), Register("middle", middle), Register("last", last));
            norm = Register("norm", new BatchNorm1d(32));
            scale = Register("scale", new Parameter(Tensor.Ones([32])));
            kept = scale.Value;
        }

        public override Tensor Forward(Tensor input)
        {
            ran(0);
            var x = first.Forward(input.Reshape(-1, 784)).Relu();
            ran(1);
            x = middle.Forward(norm.Forward(x)).Relu().MatMul(middle.Weight) * kept;
            ran(2);
            x = last.Forward(x);
            ran(3);
            return x;
        }
    }

    /// <summary>Never whole, but here as soon as it is waited for.</summary>
    private sealed class Late : IWeightArrivals
    {
        public bool IsWhole => false;

        public void Wait(int offset, int length) { }
    }

    private sealed class Shared() : SharedWork(1), IWait
    {
        private volatile bool ran;

        public bool IsOver => ran;

        public void PostTo(ISharedQueue queue)
        {
            Reset();
            queue.Post(this);
        }

        protected override void RunPart(int part) => ran = true;

        protected override void Complete() { }
    }

    private sealed class Doing(Action what) : IWork
    {
        public void Run() => what();
    }

    private sealed class Run : IDisposable
    {
        private readonly ComputeGroup group = new();
        private readonly Timeline timeline = new();
        private readonly ModelReplica reference;
        private readonly BucketPlan buckets;
        private readonly TrainingJob job;

        public Run(EagerWorkerTests test, bool reversed, int shards)
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

        public IReadOnlyList<(string Name, int Bucket)> Spans()
        {
            using var stream = new MemoryStream();
            timeline.Write(stream);
            using var json = JsonDocument.Parse(Encoding.UTF8.GetString(stream.ToArray()));
            return [.. json.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() == "X")
                .Select(e => (e.GetProperty("name").GetString()!, e.GetProperty("args").TryGetProperty("bucket", out var bucket) ? bucket.GetInt32() : -1))];
        }

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
    }
}
