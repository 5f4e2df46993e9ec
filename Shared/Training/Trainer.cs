using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary>
/// Trains a job in this thread: no actors, no network. Computes all logical shards in turn, so the result has the bits of a cluster's with the same number of shards; with one shard, those of the
/// plain loop of <c>ZeroGrad</c>, forward, <c>Backward</c>, <c>Step</c>.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingJob job;
    private readonly ModelReplica replica;
    private readonly FloatBuffer[] gradients;
    private readonly ReadOnlyMemory<float>[] leaves;
    private readonly float[] factors;
    private readonly double[] denominators;
    private readonly PieceResult[] results;
    private readonly FloatBuffer average;
    private readonly FloatBuffer[] state;
    private readonly double[] blocks;
    private readonly KernelThreads? threads;
    private readonly MetricPlan metrics;
    private readonly EpochWatch? watch;

    /// <summary>Builds the model and opens the data.</summary>
    /// <param name="job">What to train.</param>
    /// <param name="threadsPerWorker">Threads that share the large kernels, the calling one included, 1 or more; the bits are the same with any number.</param>
    /// <exception cref="UserErrorException">The job's numbers do not fit together.</exception>
    public Trainer(TrainingJob job, int threadsPerWorker = 1)
    {
        this.job = job;
        Plan = job.Plan();
        replica = new ModelReplica(job);
        Weights = replica.InitialValues();
        gradients = new FloatBuffer[Plan.Pieces];
        for (int i = 0; i < gradients.Length; i++) gradients[i] = new FloatBuffer(Layout.Length);
        leaves = new ReadOnlyMemory<float>[Plan.Pieces];
        factors = new float[Plan.Pieces];
        denominators = new double[Plan.Pieces];
        results = new PieceResult[Plan.Pieces];
        average = Plan.Pieces == 1 ? gradients[0] : new FloatBuffer(Layout.Length);
        state = [.. replica.UpdateRule.StateNames.Select(_ => new FloatBuffer(Layout.ParameterLength))];
        metrics = MetricPlan.Of(job);
        watch = EpochWatch.Of(job);
        Watched = watch?.Start ?? default;
        blocks = new double[GradientNorm.Blocks(Layout)];
        ArgumentOutOfRangeException.ThrowIfLessThan(threadsPerWorker, 1);
        if (threadsPerWorker > 1) threads = new KernelThreads(threadsPerWorker);
    }

    /// <summary>The job in numbers.</summary>
    public JobPlan Plan { get; }

    /// <summary>Where the parameters stand in <see cref="Weights"/>.</summary>
    public ParameterLayout Layout => replica.Layout;

    /// <summary>The current weights.</summary>
    public FloatBuffer Weights { get; }

    /// <summary>The model, whose parameters are windows on <see cref="Weights"/> during training.</summary>
    public Nn.Module Model => replica.Model;

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    /// <summary>Those of them that left weights and state as they were, since their gradient was not finite.</summary>
    public long SkippedSteps { get; private set; }

    /// <summary><c>weights_sha256</c> of the current weights.</summary>
    public string WeightsSha256 => Layout.WeightsSha256(Weights.Span);

    /// <summary><c>state_sha256</c> of the current state.</summary>
    public string StateSha256 => StateHash.Compute(Layout, Weights, state, Step);

    /// <summary>What the epochs so far came to: the best of them, and the plateau, whose rate is a factor on the schedule's.</summary>
    public WatchState Watched { get; private set; }

    /// <summary>The weights of the best epoch; null before one was evaluated, and for a job that has neither test data nor an early stop nor a plateau.</summary>
    public FloatBuffer? BestWeights { get; private set; }

    /// <summary>Whether the run ended because it no longer got better.</summary>
    public bool StoppedEarly => watch?.Stops(Watched) == true;

    /// <summary>The learning rate of the next step.</summary>
    public double LearningRate => watch is null ? job.LearningRateAt(Step) : job.LearningRateAt(Step) * Watched.Plateau.Rate;

    /// <summary>Trains to the job's end.</summary>
    /// <param name="epochDone">Told after each epoch.</param>
    /// <exception cref="NonFiniteGradientException">A step's averaged gradient is not finite, and the job does not skip such steps.</exception>
    public void Run(Action<EpochSummary>? epochDone = null)
    {
        while (Step < Plan.TotalSteps && !StoppedEarly)
        {
            var epoch = new MetricSum();
            int number = Plan.EpochOf(Step);
            do
            {
                foreach (var piece in TrainStep()) epoch.Add(piece);
            }
            while (!Plan.EndsEpoch(Step - 1));
            var test = Evaluate();
            if (watch is not null)
            {
                Watched = watch.Observe(Watched, number, epoch.Loss, test);
                if (Watched.BestEpoch == number) Weights.Span.CopyTo((BestWeights ??= new FloatBuffer(Layout.Length)).Span);
            }
            epochDone?.Invoke(new EpochSummary(number, epoch.Loss, test));
        }
        replica.Model.Eval();
    }

    /// <summary>Does one step; the result's pieces, one per leaf of the tree, stay as they are until the next.</summary>
    /// <exception cref="NonFiniteGradientException">The averaged gradient is not finite, and the job does not skip such steps; weights and state are as before the step.</exception>
    public ReadOnlySpan<PieceResult> TrainStep()
    {
        using var loan = KernelThreads.Lend(threads);
        double total = FindDenominators();
        for (int leaf = 0; leaf < Plan.Pieces; leaf++)
        {
            var piece = Plan.PieceAt(Step, leaf);
            // A piece in which no target counts is absent, as an empty one.
            bool isPresent = denominators[leaf] > 0;
            results[leaf] = isPresent ? replica.Compute(piece, Weights, gradients[leaf], null) : new PieceResult(Plan.Piece(piece).Count, 0, 0, 0, 0);
            leaves[leaf] = isPresent ? gradients[leaf].Memory : default;
            factors[leaf] = (float)(denominators[leaf] / total);
        }
        if (Plan.Pieces > 1) TreeReduce.Sum(leaves, factors, 0, average.Span);
        if (IsFinite())
        {
            float scale = 1f;
            if (Plan.ClipNorm is { } maxNorm)
            {
                Reduce.SumOfSquaresByBlock(average.Span[..Layout.ParameterLength], blocks);
                scale = GradientNorm.ClipFactor(GradientNorm.FromBlocks(blocks), maxNorm);
            }
            replica.UpdateRule.Apply(Step + 1, LearningRate, scale, Weights.Span, average.Span, new StateSlices(state, 0, Layout.Length), Weights.Span);
        }
        else
        {
            SkippedSteps++;
        }
        Step++;
        return results;
    }

    /// <summary>Evaluates the current weights on the test split; null without one.</summary>
    public MetricSum? Evaluate()
    {
        if (Plan.TestCount == 0) return null;
        using var loan = KernelThreads.Lend(threads);
        var sum = new MetricSum(metrics);
        for (int slice = 0; slice < Plan.EvaluationSlices; slice++) sum.Add(replica.Evaluate(slice, Weights));
        return sum;
    }

    /// <summary>The pieces' denominators, as a cluster's workers find them; returns their sum.</summary>
    private double FindDenominators()
    {
        double total = 0;
        for (int leaf = 0; leaf < Plan.Pieces; leaf++) total += denominators[leaf] = replica.Denominator(Plan.PieceAt(Step, leaf));
        if (total > 0) return total;
        // Without a counted target in the whole batch every gradient is zero. The pieces weigh by their samples, for what BatchNorm saw in them.
        for (int leaf = 0; leaf < Plan.Pieces; leaf++) total += denominators[leaf] = Plan.Piece(Plan.PieceAt(Step, leaf)).Count;
        return total;
    }

    /// <summary>Whether the step is to be taken: as on a cluster, statistics count only where nothing else is to be known of the whole gradient before it.</summary>
    private bool IsFinite()
    {
        bool isWhole = Plan.ClipNorm is null && job.OnNonFinite == OnNonFinite.Fail;
        if (GradientKernels.AllFinite(isWhole ? average.Span : average.Span[..Layout.ParameterLength])) return true;
        if (job.OnNonFinite == OnNonFinite.Skip) return false;
        throw new NonFiniteGradientException(Step);
    }

    /// <summary>Ends the data threads and those that shared its kernels.</summary>
    public void Dispose()
    {
        threads?.Dispose();
        replica.Dispose();
    }
}
