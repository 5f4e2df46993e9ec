using System.Collections.Immutable;
using System.Text.Json.Serialization;
using DistTrain.Data;
using DistTrain.Optim;
using DistTrain.Training.Code;
using DistTrain.Training.Files;

namespace DistTrain.Training;

/// <summary>
/// A training job as a user asks for it, on a command line, by environment variables or in a file: names and numbers. What is null has the named model's default.
/// </summary>
public sealed record JobOptions
{
    /// <summary>The numerics levels that can be asked for.</summary>
    public static readonly ImmutableArray<string> NumericsLevels = ["auto", "avx512", "avx2", "portable"];

    /// <summary>The C# that makes the job; null for a job of names and numbers. The rest then holds the numbers that were asked for.</summary>
    public JobCodeReference? Code { get; init; }

    /// <summary>The job's name, for people and for the run's folder; null for model and data.</summary>
    public string? Name { get; init; }

    /// <summary>The model: a name of <see cref="JobDefaults.Models"/>, or <see cref="JobDefaults.OwnLayers"/>.</summary>
    public string Model { get; init; } = JobDefaults.Model;

    /// <summary>The model's layers; null for a named model.</summary>
    [JsonConverter(typeof(AsInJobFile<IReadOnlyList<Layer>>))]
    public IReadOnlyList<Layer>? Layers { get; init; }

    /// <summary>What is made small; null for what goes with the data: cross-entropy for classes, binary cross-entropy for yes or no, the mean square of differences for numbers.</summary>
    [JsonConverter(typeof(AsInJobFile<LossOptions>))]
    public LossOptions? Loss { get; init; }

    /// <summary>The data, as <see cref="DataSources.Open(string, string?)"/> reads it.</summary>
    public string Data { get; init; } = DataSources.Default;

    /// <summary>What is measured on the test split, by name as in <see cref="MetricCatalog"/>; empty for the usual of the loss's task.</summary>
    public ImmutableArray<string> Metrics { get; init; } = [];

    /// <summary>Weights of classes, as <see cref="Training.ClassWeights"/> reads them.</summary>
    public string? ClassWeights { get; init; }

    /// <summary>Ends the run after so many epochs in a row that were no better; null for never.</summary>
    public int? EarlyStopPatience { get; init; }

    /// <summary>What is watched: <c>loss</c>, <c>train-loss</c> or a metric.</summary>
    public string EarlyStopMetric { get; init; } = "loss";

    /// <summary>How much better counts as better.</summary>
    public double EarlyStopMinDelta { get; init; }

    /// <summary>The optimizer: a name of <see cref="NamedOptimizers.Names"/>.</summary>
    public string? Optimizer { get; init; }

    /// <summary>The optimizer's arguments, which <see cref="Momentum"/>, <see cref="WeightDecay"/> and <see cref="Betas"/> win over; null for its defaults.</summary>
    [JsonConverter(typeof(AsInJobFile<OptimizerOptions>))]
    public OptimizerOptions? OptimizerOptions { get; init; }

    /// <summary>The learning rate, 0 or more.</summary>
    public double? LearningRate { get; init; }

    /// <summary>SGD's and RMSprop's momentum, in [0, 1).</summary>
    public double? Momentum { get; init; }

    /// <summary>Weight decay, 0 or more.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Weight decay applies to parameters of two or more dimensions only.</summary>
    public bool DecayMatricesOnly { get; init; }

    /// <summary>Decays of the averages of Adam and its relatives, each in [0, 1).</summary>
    public (double Beta1, double Beta2)? Betas { get; init; }

    /// <summary>How the learning rate changes, as <see cref="NamedSchedules"/> reads it.</summary>
    public string Schedule { get; init; } = "constant";

    /// <summary>A schedule with arguments of its own, in place of <see cref="Schedule"/>; null for none.</summary>
    [JsonConverter(typeof(AsInJobFile<Schedule>))]
    public Schedule? ScheduleOptions { get; init; }

    /// <summary>Whether <see cref="ScheduleOptions"/> counts epochs instead of steps.</summary>
    public bool ScheduleByEpoch { get; init; }

    /// <summary>Steps in which the learning rate rises first.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>The rate that a falling schedule ends at.</summary>
    public double MinLearningRate { get; init; }

    /// <summary>The share of activations that dropout layers zero, in [0, 1).</summary>
    public double? Dropout { get; init; }

    /// <summary>Clips the gradient's L2 norm to this.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>Holds every element of the gradient within ± this.</summary>
    public double? ClipValue { get; init; }

    /// <summary>Samples of one global batch.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Leaves out an epoch's last batch when it is smaller.</summary>
    public bool DropLast { get; init; }

    /// <summary>Epochs to train.</summary>
    public int? Epochs { get; init; }

    /// <summary>Stops after this many steps.</summary>
    public long? MaxSteps { get; init; }

    /// <summary>Logical shards S.</summary>
    public int? Shards { get; init; }

    /// <summary>Gradient accumulation: a power of two.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>How far workers may run apart.</summary>
    public Consistency Consistency { get; init; } = Consistency.Default;

    /// <summary>The learning rate of the outer optimizer of <c>local:H</c>, above 0.</summary>
    public double? OuterLearningRate { get; init; }

    /// <summary>The momentum of the outer optimizer of <c>local:H</c>, in [0, 1).</summary>
    public double? OuterMomentum { get; init; }

    /// <summary>What happens to a step whose averaged gradient is not finite.</summary>
    public OnNonFinite OnNonFinite { get; init; } = OnNonFinite.Fail;

    /// <summary>The codec of gradients on their way to servers, as <c>CodecSpec.ParseGradient</c> reads it. Part of the job, since it shows in the bits.</summary>
    public string Codec { get; init; } = "none";

    /// <summary>The codec of weights on their way to workers, as <c>CodecSpec.ParseWeights</c> reads it.</summary>
    public string WeightsCodec { get; init; } = "none";

    /// <summary>Key of initial values, shuffles and dropout.</summary>
    public ulong Seed { get; init; }

    /// <summary>The numerics level: one of <see cref="NumericsLevels"/>.</summary>
    public string Numerics { get; init; } = "auto";

    /// <summary>The same job with the numbers that it was made with, so that none is left to a default.</summary>
    /// <param name="job">The job that was made of these options.</param>
    public JobOptions Resolved(TrainingJob job) => this with { Shards = job.Shards, BatchSize = job.BatchSize, Epochs = job.Epochs, LearningRate = job.LearningRate };
}
