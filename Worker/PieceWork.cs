using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Worker;

/// <summary>A contribution that was sent, kept until its step is in the weights.</summary>
internal readonly record struct SentContribution(Gradients.Contribution Header, TensorSlice Tensor);

/// <summary>The compute thread to its worker: these leaves of a step are computed and sent.</summary>
internal sealed record PiecesComputed(long Step, ImmutableArray<int> Leaves, List<SentContribution> Sent, TimeSpan Time) : INoSerializationVerificationNeeded;

/// <summary>The compute thread to its worker: the work was given up; nothing of it was sent.</summary>
internal sealed record PiecesAbandoned(long Step) : INoSerializationVerificationNeeded;

/// <summary>The compute thread to its worker: computing failed.</summary>
internal sealed record ComputeFailed(string What, Exception Error) : INoSerializationVerificationNeeded;

/// <summary>
/// Computes a worker's pieces of one step, sums aligned blocks of them by the tree, and sends each bucket as soon as backward has finished it. Runs on the worker's compute thread; reused from step to step.
/// </summary>
internal sealed class PieceWork : IWaitingWork, IGradientSink, IBucketReady
{
    private readonly WorkerSetup setup;
    private readonly IActorRef worker;
    private readonly ClockPlan clocks;
    private readonly PieceWeights weights;
    private readonly LocalSteps? local;
    private readonly BucketReadiness readiness;
    private readonly bool[] bucketSent;
    private readonly List<TreeNode> nodes = [];
    private readonly List<LeafTask> tasks = [];
    private readonly List<Gradients.Leaf> results = [];
    private readonly Stack<(FloatBuffer Buffer, float Scale)> partial = new();
    private readonly List<(FloatBuffer Buffer, float Scale)> merging = [];

    private readonly GradientCoder? coder;
    private readonly WorkerSpans? spans;
    private ImmutableArray<int> leaves;
    private WeightStore.Lease lease;
    private Orders orders;
    private List<SentContribution> sent = [];
    private TreeNode node;
    private FloatBuffer? current;
    private float currentScale;

    public PieceWork(WorkerSetup setup, IActorRef worker)
    {
        (this.setup, this.worker, clocks) = (setup, worker, setup.Clocks);
        bool isLocal = setup.Consistency is Consistency.Local;
        weights = new PieceWeights(setup.Plan, clocks, setup.SampleCountDenominators || isLocal);
        if (isLocal) local = new LocalSteps(setup.Plan, clocks, setup.Rule!, setup.LearningRate, setup.Residuals, setup.Buckets.Layout.Length);
        readiness = new BucketReadiness(setup.Buckets);
        bucketSent = new bool[setup.Buckets.Buckets.Length];
        if (setup.Codec.IsLossy) coder = new GradientCoder(setup.Residuals.Codec, setup.Residuals, setup.Plan.Seed, setup.Buckets);
        if (setup.Timeline is { } timeline) spans = new WorkerSpans(timeline, setup.Name);
        Arrivals = new WeightArrivals(setup.Buckets, setup.Compute, spans);
    }

    /// <summary>What the worker was told when it posted the work.</summary>
    internal readonly record struct Orders(JobId Job, Term Term, WorkerId Worker, long Step, ImmutableArray<ITensorChannel> Servers);

    public required IReplica Replica { get; init; }

    public required GradientPool Pool { get; init; }

    /// <summary>The version that it computes on, as far as it is here.</summary>
    public WeightArrivals Arrivals { get; }

    /// <summary>Whether it can begin before the whole version is here.</summary>
    public bool IsEager => local is null && Replica is IEagerReplica;

    /// <inheritdoc/>
    public bool MayEnd => !Arrivals.IsOpen;

    public void Prepare(Orders orders, ImmutableArray<int> leaves, WeightStore.Lease lease)
    {
        this.orders = orders;
        this.leaves = leaves;
        this.lease = lease;
        sent = [];
    }

    public void Run()
    {
        try
        {
            var began = setup.Clock.Now;
            spans?.Begin(orders.Step);
            if (Replica is IEagerReplica eager) eager.Arrivals = Arrivals;
            weights.Prepare(orders.Step, Replica);
            nodes.Clear();
            NodePlan.Cover(leaves, setup.Plan.Pieces, setup.LeafByLeaf, nodes);
            for (int i = 0; i < nodes.Count; i++) ComputeNode(nodes[i], i == nodes.Count - 1);
            lease.Dispose();
            spans?.End();
            worker.Tell(new PiecesComputed(orders.Step, leaves, sent, setup.Clock.Now - began - Arrivals.Waited));
        }
        catch (Exception error) when (error is AbandonedException || Arrivals.IsAbandoned)
        {
            lease.Dispose();
            spans?.End();
            if (current is not null) Pool.Return(current);
            foreach (var (buffer, _) in partial) Pool.Return(buffer);
            worker.Tell(new PiecesAbandoned(orders.Step));
        }
        catch (Exception error)
        {
            lease.Dispose();
            worker.Tell(new ComputeFailed($"step {orders.Step}, node {node}", error));
        }
    }

    /// <inheritdoc/>
    public void Ready(int offset, int length)
    {
        spans?.BackwardBegins();
        readiness.Ready(offset, length, this);
    }

    /// <summary>A bucket of the node's last leaf is final: adds the partial sums that wait for it and sends it. The first bucket waits for the leaf's results.</summary>
    void IBucketReady.OnBucketReady(int bucket)
    {
        if (bucket != 0) Send(bucket);
    }

    private void ComputeNode(TreeNode next, bool isLast)
    {
        node = next;
        tasks.Clear();
        results.Clear();
        partial.Clear();
        merging.Clear();
        current = null;
        Array.Clear(bucketSent);
        AddAbsentLeaves();
        if (!NodePlan.Append(node, weights.Present, tasks))
        {
            Arrivals.WaitForAll();
            foreach (var bucket in setup.Buckets.Buckets) Send(bucket, 0f, default);
            return;
        }
        for (int i = 0; i < tasks.Count; i++)
        {
            bool last = i == tasks.Count - 1;
            current = Pool.Rent();
            currentScale = weights.ScaleOf(tasks[i].Leaf);
            if (last) BeginLast();
            spans?.ForwardBegins();
            var result = local?.Compute(Replica, orders.Step, tasks[i].Leaf, lease.Weights, current)
                ?? Replica.Compute(setup.Plan.PieceAt(orders.Step, tasks[i].Leaf), lease.Weights, current, last ? this : spans);
            spans?.BackwardEnds();
            results.Add(new Gradients.Leaf(tasks[i].Leaf, result.Samples, result.Denominator, result.LossSum, result.Correct, result.Counted, (int)(orders.Step - Math.Min(orders.Step, lease.Version))));
            if (last) FinishLast(isLast);
            else Push(tasks[i].Sums);
        }
    }

    private void Push(int sums)
    {
        partial.Push((current!, currentScale));
        current = null;
        for (; sums > 0; sums--)
        {
            var right = partial.Pop();
            var left = partial.Pop();
            GradientKernels.ScaledSum(left.Buffer.Span, left.Scale, right.Buffer.Span, right.Scale, left.Buffer.Span);
            Pool.Return(right.Buffer);
            partial.Push((left.Buffer, 1f));
        }
    }

    private void BeginLast()
    {
        merging.AddRange(partial);
        readiness.Reset();
    }

    private void FinishLast(bool isLast)
    {
        for (int b = bucketSent.Length - 1; b > 0; b--)
            if (!bucketSent[b]) Send(b);
        // Not before: servers do not wait for the encoding of buckets that follow theirs.
        if (isLast) setup.Compute.Ends();
        Send(0);
        foreach (var (buffer, _) in merging) Pool.Return(buffer);
        Pool.Keep(setup.Consistency is Consistency.Async ? orders.Step * setup.Plan.Pieces + node.Lo : orders.Step, current!);
    }

    private void Send(int index)
    {
        if (bucketSent[index]) return;
        // Whoever gets a contribution may rely on it that everything of the version before was there.
        Arrivals.WaitForAll();
        bucketSent[index] = true;
        var bucket = setup.Buckets.Buckets[index];
        var slice = new TensorSlice(current, bucket.Offset, bucket.Length);
        float scale = currentScale;
        foreach (var (left, leftScale) in merging)
        {
            GradientKernels.ScaledSum(left.Slice(bucket.Offset, bucket.Length), leftScale, slice.Span, scale, slice.Span);
            scale = 1f;
        }
        long start = spans is null ? 0 : Timeline.Now;
        Send(bucket, scale, slice);
        spans?.Sent(start, index);
    }

    /// <summary>Leaves with samples of which none counts: absent from the sum, but used.</summary>
    private void AddAbsentLeaves()
    {
        for (int leaf = node.Lo; leaf < node.Hi; leaf++)
        {
            int samples = clocks.Samples(orders.Step, leaf);
            if (!weights.Present[leaf] && samples > 0) results.Add(new Gradients.Leaf(leaf, samples, 0, 0, 0, 0));
        }
    }

    private void Send(Bucket bucket, float scale, TensorSlice slice)
    {
        var name = new Gradients.Name(orders.Job, orders.Term, orders.Step, bucket.Index, node.Lo, node.Hi);
        if (coder is not null) slice = coder.Apply(orders.Step, node.Lo, bucket, slice);
        ulong digest = setup.Speculate ? GradientDigest.Of(slice.Span) : 0;
        var header = new Gradients.Contribution(name, orders.Worker, scale, lease.Version, bucket.Index == 0 ? [.. results] : [], digest);
        sent.Add(new SentContribution(header, slice));
        orders.Servers[bucket.Server].Send(header, slice);
    }
}
