using DistTrain.Optim;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator;

/// <summary>A training job as the actors see it: numbers, a layout, an update rule and a way to make replicas. Nothing here depends on machines or workers.</summary>
public sealed record ClusterJob
{
    /// <summary>The schedule.</summary>
    public required JobPlan Plan { get; init; }

    /// <summary>Where parameters stand in the flat buffer.</summary>
    public required ParameterLayout Layout { get; init; }

    /// <summary>What turns an averaged gradient, or any slice of it, into the next weights: parameters by the optimizer, running statistics by their own update.</summary>
    public required UpdateRule Rule { get; init; }

    /// <summary>What the servers step by: <see cref="Rule"/>, but under <c>local:H</c>, where shards step by that and servers by the outer optimizer.</summary>
    public UpdateRule ServerRule => Consistency is Consistency.Local ? new Reduction.OuterRule(Layout, Outer ?? new OuterOptions()) : Rule;

    /// <summary>Optimizer state buffers that every leaf has of its own.</summary>
    internal int LeafOptimizerStates => Worker.WorkerSetup.LeafOptimizerStates(Consistency, Rule);

    /// <summary>The learning rate of a step, from 0.</summary>
    public required Func<long, double> LearningRate { get; init; }

    /// <summary>Makes the replica of worker number i; called on that worker's compute thread.</summary>
    public required Func<int, IReplica> CreateReplica { get; init; }

    /// <summary>The weights to start from, in <see cref="Layout"/>; copied.</summary>
    public required FloatBuffer Weights { get; init; }

    /// <summary>The servers' optimizer state to start from, one buffer per state name; fresh where null. Copied.</summary>
    public IReadOnlyList<FloatBuffer>? State { get; init; }

    /// <summary>Steps that are already in the weights.</summary>
    public long StartStep { get; init; }

    /// <summary>The figures that go with <see cref="StartStep"/>, as a checkpoint's notes; null for a fresh start.</summary>
    public IReadOnlyDictionary<string, string>? Notes { get; init; }

    /// <summary>The states of leaves to start from, of error feedback or local steps; a leaf without one starts at zero.</summary>
    public IReadOnlyDictionary<int, Checkpoints.ResidualState> Residuals { get; init; } = new Dictionary<int, Checkpoints.ResidualState>();

    /// <summary>Whether the loss's denominator of a piece is its number of samples, as for a plain mean.</summary>
    public bool SampleCountDenominators { get; init; } = true;

    /// <summary>How far workers may run apart.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>The outer optimizer of <c>local:H</c>; null for its defaults.</summary>
    public OuterOptions? Outer { get; init; }

    /// <summary>What happens to a step whose averaged gradient is not finite.</summary>
    public OnNonFinite OnNonFinite { get; init; } = OnNonFinite.Fail;

    /// <summary>What evaluations measure.</summary>
    public MetricPlan Metrics { get; init; } = MetricPlan.None;

    /// <summary>Looks at epochs: the best one, early stopping, plateaus; null for not.</summary>
    public EpochWatch? Watch { get; init; }

    /// <summary>The weights of the best epoch so far; null for a fresh start.</summary>
    public FloatBuffer? BestWeights { get; init; }

    /// <summary>The codec of gradients, applied to each leaf's gradient wherever it is computed.</summary>
    public CodecSpec Codec { get; init; } = CodecSpec.None;

    /// <summary>The codec of weights on their way to workers; servers keep float32.</summary>
    public CodecSpec WeightsCodec { get; init; } = CodecSpec.None;

    /// <summary>The job without what only its start needs, for those who keep it while it runs: a resumed run's optimizer states are as large as the model, some times over.</summary>
    internal ClusterJob Begun() => this with { State = null, Residuals = new Dictionary<int, Checkpoints.ResidualState>(), BestWeights = null, Notes = null };

    /// <summary>The cluster's view of a job with the codecs that a user asked for.</summary>
    /// <exception cref="UserErrorException">A codec is not known.</exception>
    public static ClusterJob From(TrainingJob job, JobOptions options) =>
        From(job) with { Codec = CodecSpec.ParseGradient(options.Codec), WeightsCodec = CodecSpec.ParseWeights(options.WeightsCodec) };

    /// <summary>The cluster's view of a job that the single-process trainer would run: same bits.</summary>
    public static ClusterJob From(TrainingJob job)
    {
        if (job is { Plateau: not null, Consistency: Consistency.Local }) throw new UserErrorException("schedule plateau does not go with consistency local:<H>, where workers step by themselves: choose a schedule that is a function of the step");
        using var first = new ModelReplica(job);
        return new ClusterJob
        {
            Plan = job.Plan(),
            Layout = first.Layout,
            Rule = first.UpdateRule,
            LearningRate = job.LearningRateAt,
            CreateReplica = _ => new ModelReplica(job),
            Weights = first.InitialValues(),
            SampleCountDenominators = job.Loss.IsUniform,
            Consistency = job.Consistency,
            Outer = job.Outer,
            OnNonFinite = job.OnNonFinite,
            Metrics = MetricPlan.Of(job),
            Watch = EpochWatch.Of(job),
        };
    }
}
