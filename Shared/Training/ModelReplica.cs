using System.Runtime.InteropServices;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>The replica of a job's model: forward, loss and backward on pieces of its data, and evaluation.</summary>
public sealed class ModelReplica : IEagerReplica, IParameterListener
{
    private readonly TrainingJob job;
    private readonly JobPlan plan;
    private readonly MetricPlan metrics;
    private readonly Batches batches;
    private readonly FlatModel flat;
    private readonly DataLoader train;
    private readonly DataLoader? test;
    private readonly StepArena arena = new();
    private readonly Dictionary<Array, Storage> windows = new(ReferenceEqualityComparer.Instance);
    private readonly bool[] ready;
    private IGradientSink? sink;
    private bool isWhole;

    /// <summary>Builds the model and opens the data for one worker.</summary>
    public ModelReplica(TrainingJob job)
    {
        this.job = job;
        plan = job.Plan();
        metrics = MetricPlan.Of(job);
        batches = new Batches(plan.TrainCount, plan.GlobalBatch, plan.Pieces, plan.DropLast);
        flat = new FlatModel(job.BuildModel());
        UpdateRule = JobRule.Create(job, flat);
        ready = new bool[flat.Count];
        if (job.Loss.Reduction is not (Reduction.Mean or Reduction.BatchMean)) throw new UserErrorException($"loss {job.Loss.Name}: the reduction was {job.Loss.Reduction}, a job needs Mean");
        train = new DataLoader(job.Data.Train, job.Seed, batches.LargestPiece);
        RefuseSingleValues();
        RefuseOtherOutputs();
        test = job.Data.Test is { Count: > 0 } split ? new DataLoader(split, job.Seed, Math.Min(JobPlan.EvaluationSlice, split.Count), shuffle: false) : null;
    }

    /// <inheritdoc/>
    public ParameterLayout Layout => flat.Layout;

    /// <summary>The model, for those who want to look at it; its values are those of the last weights computed with.</summary>
    public Module Model => flat.Model;

    /// <summary>Bytes of memory that steps took so far, kept for those that follow: as much of each size as was ever lent at once.</summary>
    internal long ActivationBytes => arena.Bytes;

    /// <summary>What turns the job's averaged gradient, or any slice of it, into the next weights.</summary>
    public UpdateRule UpdateRule { get; }

    /// <summary>The initial values, the same in every replica of the job.</summary>
    public FloatBuffer InitialValues() => flat.CopyValues();

    /// <inheritdoc/>
    public IWeightArrivals? Arrivals { get; set; }

    /// <inheritdoc/>
    public double Denominator(PieceId piece)
    {
        var range = batches.Piece(piece.Step, plan.IndexOf(piece));
        if (range.Count == 0) return 0;
        if (job.Loss.IsUniform) return range.Count;
        using var step = arena.BeginStep();
        return job.Loss.Denominator(Target(train.Load(range)));
    }

    /// <inheritdoc/>
    public PieceResult Compute(PieceId piece, FloatBuffer weights, FloatBuffer gradient, IGradientSink? sink)
    {
        var range = batches.Piece(piece.Step, plan.IndexOf(piece));
        if (range.Count == 0) return default;
        flat.Bind(weights, gradient);
        if (!flat.Model.Training) flat.Model.Train();
        using var caller = RandomSource.Keep();
        RandomSource.EnterPiece(job.Seed, piece.Step, plan.IndexOf(piece));
        this.sink = sink;
        Array.Clear(ready);
        Engine.Listener = this;
        if (Arrivals is { IsWhole: false } arrivals) flat.Expect(arrivals);
        try
        {
            using var step = arena.BeginStep();
            var batch = train.Load(range);
            PrefetchNext(piece);
            var target = Target(batch);
            var output = flat.Model.Forward(Input(batch));
            if (!isWhole) RefuseLateParameters();
            var loss = job.Loss.Compute(output, target);
            double denominator = job.Loss.Denominator(target);
            ObservationsReady(gradient);
            // A piece in which no target counts has no mean: its gradient is zero and weighs nothing.
            if (denominator > 0) loss.Backward();
            FillMissing(gradient);
            var (correct, counted) = job.Loss.Score(output, target);
            return new PieceResult(range.Count, denominator, denominator > 0 ? loss.Item() * denominator : 0, correct, counted);
        }
        finally
        {
            flat.ExpectNothing();
            Engine.Listener = null;
            this.sink = null;
        }
    }

    /// <inheritdoc/>
    public EvaluationResult Evaluate(int slice, FloatBuffer weights)
    {
        if (test == null) throw new InvalidOperationException($"job {job.Name} has no test data to evaluate on");
        int start = slice * JobPlan.EvaluationSlice, count = Math.Min(JobPlan.EvaluationSlice, plan.TestCount - start);
        flat.Bind(weights, null);
        if (flat.Model.Training) flat.Model.Eval();
        using var caller = RandomSource.Keep();
        RandomSource.EnterEvaluation(job.Seed, slice);
        using var noGrad = GradMode.NoGrad();
        using var step = arena.BeginStep();
        var batch = test.Load(SampleRange.Evaluation(start, count));
        int next = start + count;
        if (next < plan.TestCount) test.Prefetch(SampleRange.Evaluation(next, Math.Min(JobPlan.EvaluationSlice, plan.TestCount - next)));
        var target = Target(batch);
        var output = flat.Model.Forward(Input(batch));
        double denominator = job.Loss.Denominator(target);
        double loss = denominator > 0 ? job.Loss.Compute(output, target).Item() * denominator : 0;
        var (correct, counted) = job.Loss.Score(output, target);
        return new EvaluationResult(count, denominator, loss, correct, counted, MetricCollector.Collect(metrics, output, target));
    }

    /// <summary>Ends the data threads.</summary>
    public void Dispose()
    {
        train.Dispose();
        test?.Dispose();
    }

    void IParameterListener.GradientReady(int index)
    {
        ready[index] = true;
        var entry = Layout.Parameters[index];
        sink?.Ready(entry.Offset, entry.Length);
    }

    /// <summary>
    /// A piece of one sample may leave batch normalization one value for each channel, which has no variance: tried out before the start on a sample of zeros, on weights of its own.
    /// </summary>
    private void RefuseSingleValues()
    {
        if (plan.SmallestPiece > 1 || !flat.Model.Modules().Any(m => m is BatchNorm)) return;
        flat.Bind(flat.CopyValues(), new FloatBuffer(Layout.Length));
        using var step = new StepArena().BeginStep();
        using var silent = GradMode.NoGrad();
        try
        {
            flat.Model.Forward(EmptySample());
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException(
                $"batch size {plan.BatchSize} in {plan.Shards} shards leaves a piece of one sample, too few for batch normalization ({error.Message}): choose a larger batch, fewer shards, or drop the last batch", error);
        }
    }

    /// <summary>Metrics that tell classes apart have a place for each of the data's: tried out before the start on a sample of zeros. A model that takes none is found out by the first evaluation.</summary>
    private void RefuseOtherOutputs()
    {
        // Back to training is only where the whole model was in it.
        if (plan.TestCount == 0 || metrics.Task != MetricTask.MultiClass || !flat.Model.Modules().All(module => module.Training)) return;
        string? misfit;
        using (new StepArena().BeginStep())
        {
            using var silent = GradMode.NoGrad();
            flat.Model.Eval();
            try
            {
                var output = flat.Model.Forward(EmptySample());
                misfit = output.Rank == 2 ? metrics.Misfit(output.Shape[1]) : null;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                return;
            }
            finally
            {
                flat.Model.Train();
            }
        }
        if (misfit is not null) throw new UserErrorException(misfit);
    }

    /// <summary>What the model made in its first forward has no place in the layout: it would be neither trained nor saved.</summary>
    private void RefuseLateParameters()
    {
        int number = flat.Model.Parameters().Count;
        if (number != flat.Count) throw new UserErrorException($"the model had {flat.Count} parameters when it was made and {number} after its first forward: make all of them in its constructor");
        isWhole = true;
    }

    private Tensor EmptySample()
    {
        var spec = job.Data.Train.Inputs;
        var zeros = Tensor.Zeros(new Shape([1, .. spec.Shape]));
        return spec.Type == ElementType.Float32 ? zeros : zeros.To(DType.Int64);
    }

    /// <summary>Running statistics were observed in forward: they are final before any gradient.</summary>
    private void ObservationsReady(FloatBuffer gradient)
    {
        flat.FillUnobserved(gradient);
        foreach (var entry in Layout.Buffers) sink?.Ready(entry.Offset, entry.Length);
    }

    /// <summary>A parameter that this piece's loss does not depend on has a gradient of zeros: the flat buffer may hold an older one.</summary>
    private void FillMissing(FloatBuffer gradient)
    {
        for (int i = ready.Length - 1; i >= 0; i--)
        {
            if (ready[i]) continue;
            var entry = Layout.Parameters[i];
            gradient.Slice(entry.Offset, entry.Length).Clear();
            sink?.Ready(entry.Offset, entry.Length);
        }
    }

    private void PrefetchNext(PieceId piece)
    {
        // The next piece of this shard: the same step's under accumulation, else the next step's first.
        int index = plan.IndexOf(piece);
        if (piece.Micro + 1 < plan.Accumulate) train.Prefetch(batches.Piece(piece.Step, index + 1));
        else if (piece.Step + 1 < plan.TotalSteps) train.Prefetch(batches.Piece(piece.Step + 1, piece.Shard * plan.Accumulate));
    }

    private Tensor Input(PieceBatch batch) => Window(batch.InputBuffer, batch.Count, job.Data.Train.Inputs);

    private Tensor Target(PieceBatch batch) => Window(batch.TargetBuffer, batch.Count, job.Data.Train.Targets);

    /// <summary>The loader's memory as a tensor of this step; nothing is copied.</summary>
    private Tensor Window(SampleBuffer buffer, int count, SampleSpec spec)
    {
        Array? array;
        if (spec.Type == ElementType.Float32) array = MemoryMarshal.TryGetArray<float>(buffer.Float32(count), out var floats) ? floats.Array : null;
        else array = MemoryMarshal.TryGetArray<long>(buffer.Int64(count), out var integers) ? integers.Array : null;
        if (!windows.TryGetValue(array!, out var storage)) windows[array!] = storage = Storage.Over(array!);
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        sizes[0] = count;
        spec.Shape.AsSpan().CopyTo(sizes[1..]);
        return TensorMemory.Wrap(arena, storage, new Shape(sizes[..(spec.Shape.Length + 1)]));
    }
}
