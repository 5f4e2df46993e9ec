using System.Collections.Immutable;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>
/// What to train: model, data, loss and optimizer, and the numbers of the run. The same job runs alone (<see cref="Trainer"/>), on a local cluster and on a real one, with the same bits.
/// </summary>
public sealed record TrainingJob
{
    /// <summary>The job's name, for people and for the run's folder.</summary>
    public string Name { get; init; } = "job";

    /// <summary>The options that it was made from; null for a job that was written in C#.</summary>
    public JobOptions? Options { get; init; }

    /// <summary>Builds the model; called once in every process or worker, always with the same random numbers.</summary>
    public required Func<Module> Model { get; init; }

    /// <summary>The data: training and, where there is one, test split.</summary>
    public required DataSplit Data { get; init; }

    /// <summary>What is made small.</summary>
    public Loss Loss { get; init; } = new CrossEntropyLoss();

    /// <summary>What is measured on the test split, by name as in <see cref="MetricCatalog"/>; empty for the usual of the loss's task.</summary>
    public ImmutableArray<string> Metrics { get; init; } = [];

    /// <summary>Ends the run when it no longer gets better; null for never. What is best is kept by its metric in any case.</summary>
    public EarlyStopping? EarlyStop { get; init; }

    /// <summary>The optimizer's arithmetic.</summary>
    public UpdateRule Optimizer { get; init; } = new SGDRule(new SGDOptions());

    /// <summary>The learning rate, 0 or more.</summary>
    public double LearningRate { get; init; } = 0.01;

    /// <summary>How the learning rate changes from step to step; null for not at all.</summary>
    public Schedule? Schedule { get; init; }

    /// <summary>Whether the schedule counts epochs instead of steps.</summary>
    public bool ScheduleByEpoch { get; init; }

    /// <summary>Lowers the rate that the schedule gives when the test loss (or, without a test split, the training loss) has stopped falling; null for not. Its lowest rate is a share of the schedule's.</summary>
    public ReduceLROnPlateau? Plateau { get; init; }

    /// <summary>Weight decay applies to parameters of two or more dimensions only: not to biases and normalisation weights.</summary>
    public bool WeightDecayOnMatricesOnly { get; init; }

    /// <summary>Parameters that are updated in a way of their own. Those with <c>RequiresGrad = false</c> never are.</summary>
    public ImmutableArray<JobGroup> Groups { get; init; } = [];

    /// <summary>Samples of one global batch.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Logical shards S: part of the job, since they decide the bits.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Gradient accumulation n, a power of two: a step's batch is n times <see cref="BatchSize"/>, computed in n pieces per shard.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>How far workers of a cluster may run apart.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>The outer optimizer of <c>local:H</c>; null for its defaults.</summary>
    public OuterOptions? Outer { get; init; }

    /// <summary>What happens to a step whose averaged gradient is not finite.</summary>
    public OnNonFinite OnNonFinite { get; init; } = OnNonFinite.Fail;

    /// <summary>Epochs to train.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Stops after this many steps, 0 or more, where given.</summary>
    public long? MaxSteps { get; init; }

    /// <summary>Leaves out an epoch's last batch when it is smaller.</summary>
    public bool DropLast { get; init; }

    /// <summary>Key of initial values, shuffles and dropout.</summary>
    public ulong Seed { get; init; }

    /// <summary>Clips the gradient's L2 norm to this, where given.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>Holds every element of the gradient, after clipping by norm, within ± this, where given.</summary>
    public double? ClipValue { get; init; }

    /// <summary>The learning rate of a step, from 0.</summary>
    public double LearningRateAt(long step) => Schedule?.RateAt(ScheduleByEpoch ? step / StepsPerEpoch : step, LearningRate) ?? LearningRate;

    private long StepsPerEpoch => Math.Max(1, DropLast ? Data.Train.Count / GlobalBatch : (Data.Train.Count + GlobalBatch - 1) / GlobalBatch);

    private long GlobalBatch => (long)BatchSize * Accumulate;

    /// <summary>The job in numbers.</summary>
    /// <exception cref="UserErrorException">A number is out of range, or they do not fit together.</exception>
    public JobPlan Plan()
    {
        if (BatchSize < 1) throw new UserErrorException($"batch size was {BatchSize}, expected 1 or more");
        if (Shards < 1) throw new UserErrorException($"shards was {Shards}, expected 1 or more");
        if (BatchSize < Shards) throw new UserErrorException($"batch size {BatchSize} is smaller than the {Shards} shards: every shard needs at least one sample");
        if (Accumulate < 1 || !System.Numerics.BitOperations.IsPow2(Accumulate) || GlobalBatch > int.MaxValue) throw new UserErrorException($"accumulate was {Accumulate}, expected a power of two of 1 or more, at most {int.MaxValue} samples a step");
        if (DropLast && Data.Train.Count < GlobalBatch) throw new UserErrorException($"batch size {GlobalBatch} is larger than the {Data.Train.Count} training samples, and drop-last leaves no batch");
        if (!(LearningRate >= 0) || double.IsInfinity(LearningRate)) throw new UserErrorException($"learning rate was {LearningRate}, expected a finite number of 0 or more");
        if (ClipNorm is { } norm && !(norm > 0)) throw new UserErrorException($"clip norm was {norm}, expected more than 0");
        if (ClipValue is { } value && !(value >= 0)) throw new UserErrorException($"clip value was {value}, expected 0 or more");
        try
        {
            Schedule?.Check();
            Plateau?.Check();
            EarlyStop?.Check();
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException(error.Message, error);
        }
        if (Epochs < 0) throw new UserErrorException($"epochs was {Epochs}, expected 0 or more");
        if (MaxSteps < 0) throw new UserErrorException($"max steps was {MaxSteps}, expected 0 or more");
        return new JobPlan
        {
            TrainCount = Data.Train.Count,
            TestCount = Data.Test?.Count ?? 0,
            BatchSize = BatchSize,
            Shards = Shards,
            Accumulate = Accumulate,
            Epochs = Epochs,
            MaxSteps = MaxSteps,
            DropLast = DropLast,
            Seed = Seed,
            ClipNorm = ClipNorm,
        };
    }

    /// <summary>Builds the model from the job's seed, numbered for its random numbers; the caller's draws go on as if it had not.</summary>
    public Module BuildModel()
    {
        using var caller = RandomSource.Keep();
        RandomSource.ManualSeed(Seed);
        var model = Model();
        model.AssignNumbers();
        return model;
    }
}
