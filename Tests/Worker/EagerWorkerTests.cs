using Akka.Actor;
using Akka.TestKit.Xunit2;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Worker;

/// <summary>A worker with a model and a compute thread of its own, whose weights come in bucket by bucket, as late as the test likes.</summary>
public sealed class EagerWorkerTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public EagerWorkerTests() : base(PatientKit.Config) { }

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
        using var run = new EagerRun(this, reversed, shards: 1);
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
        Assert.Contains(run.Spans, span => span.Name == "wait" && span.Bucket == (reversed ? 0 : run.All.Length - 2));
        Assert.InRange(run.Store.Allocated, 2, 2);
    }

    public static TheoryData<Event> Events => [.. Enum.GetValues<Event>()];

    [Theory]
    [MemberData(nameof(Events))]
    public void A_wait_ends_at_every_point_with_whatever_ends_it_and_nothing_of_it_was_sent(Event happens)
    {
        int buckets;
        using (var first = new EagerRun(this, false, shards: 2)) buckets = first.All.Length;
        for (int here = 1; here < buckets; here = here < 3 ? here + 1 : here + 3)
        {
            using var run = new EagerRun(this, false, shards: 2);
            run.Publish(0, run.All);
            run.ExpectGradients(0, 0);
            run.Publish(1, run.All[..here]);
            run.AwaitLayer(0, times: 2);
            Happen(run, happens, here);
        }
    }

    private void Happen(EagerRun run, Event happens, int here)
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
                run.Assign(2, EagerRun.Me, EagerRun.Me);
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
        thread.Post(new EagerRun.Doing(() =>
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
        var job = EagerRun.JobOf(false, 1, _ => { });
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
}
