using DistTrain.Data;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>The settings of a job, for every command that takes one. To add a setting: a property of <see cref="JobOptions"/> and a row here.</summary>
internal static class JobSettings
{
    private const string Job = "Job", Training = "Training", Sizes = "Batches and shards", Channels = "Codecs";

    private static readonly IReadOnlyList<Setting<JobOptions>> Rows =
    [
        new("name", "<name>", Job, "The job's name, for people and for the run's folder. Default: model and data.", (job, given) => job with { Name = JobParts.Name(given) }),
        new("model", "<name>", Job, $"What to train: {string.Join(", ", JobDefaults.Models)}; a job file may list layers. Default: {JobDefaults.Model}.", JobParts.Model),
        new("data", "<data>", Job, $"What to train on: {DataSources.Usage}. Default: {DataSources.Default}, which the program draws by itself.", (job, given) => job with { Data = given.NotEmpty(DataSources.Usage) }),
        new("loss", "<name>", Job, $"What is made small: {string.Join(", ", NamedLosses.Names)}, or by PyTorch's names {string.Join(", ", LossOptions.All.Select(loss => loss.Name))}. Default: auto: cross-entropy for classes and tokens, bce for yes or no, mse for numbers.", JobParts.Loss),
        new("metrics", "<names>", Job, $"What is measured on the test data, with commas between names: {MetricCatalog.Usage}. Default: the usual of the task.", (job, given) => job with { Metrics = [.. given.NotEmpty(MetricCatalog.Usage).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)] }),
        new("class-weights", "<weights>", Job, $"Weights of classes in the loss: {ClassWeights.Usage}.", (job, given) => job with { ClassWeights = given.NotEmpty(ClassWeights.Usage) }),
        new("seed", "<n>", Job, "Key of initial weights, shuffles and dropout. Default: 0.", (job, given) => job with { Seed = given.Unsigned() }),
        new("numerics", "<level>", Job, $"Instruction set that all workers compute with: {string.Join(", ", JobOptions.NumericsLevels)}. Default: auto, the best that all have.", (job, given) => job with { Numerics = given.OneOf(JobOptions.NumericsLevels) }),
        new("epochs", "<n>", Training, $"Passes over the training data. Default: {Default(d => d.Epochs)}.", (job, given) => job with { Epochs = given.Int(1, 1_000_000) }),
        new("max-steps", "<n>", Training, "Stops after this many steps.", (job, given) => job with { MaxSteps = given.Long(1, long.MaxValue) }),
        new("early-stop-patience", "<n>", Training, "Ends the run after so many epochs in a row that were no better. Default: never.", (job, given) => job with { EarlyStopPatience = given.Int(1, 1_000_000) }),
        new("early-stop-metric", "<name>", Training, "What better means, also for best.safetensors: loss (of the test data, or of training without any), train-loss, or a metric. Default: loss.", (job, given) => job with { EarlyStopMetric = given.NotEmpty("loss, train-loss or a metric").ToLowerInvariant().Replace('_', '-') }),
        new("early-stop-min-delta", "<x>", Training, "How much better counts as better. Default: 0.", (job, given) => job with { EarlyStopMinDelta = given.Number(0) }),
        new("optimizer", "<name>", Training, $"One of {string.Join(", ", NamedOptimizers.Names)}. Default: {Default(d => d.Optimizer)}.", JobParts.Optimizer),
        new("lr", "<x>", Training, $"Learning rate. Default: {Default(d => d.LearningRate)}; another optimizer's is PyTorch's.", (job, given) => job with { LearningRate = given.Number(0) }),
        new("momentum", "<x>", Training, $"Momentum of sgd and rmsprop, below 1. Default: {Default(d => d.Momentum)}.", (job, given) => job with { Momentum = given.Number(0, 1) }),
        new("weight-decay", "<x>", Training, "Weight decay. Default: the optimizer's own.", (job, given) => job with { WeightDecay = given.Number(0) }),
        new("decay-matrices-only", "", Training, "Weight decay applies to weights of two or more dimensions only, not to biases and normalizations.", (job, given) => job with { DecayMatricesOnly = given.Switch() }),
        new("betas", "<b1,b2>", Training, "Decays of the averages of adam and its relatives, each below 1. Default: 0.9,0.999.", (job, given) => job with { Betas = given.Pair(0, 1) }),
        new("schedule", "<name>", Training, $"How the learning rate changes over the job's steps: {NamedSchedules.Usage}. Default: constant.", JobParts.Schedule),
        new("schedule-by-epoch", "", Training, "The schedule counts epochs instead of steps.", (job, given) => job with { ScheduleByEpoch = given.Switch() }),
        new("warmup-steps", "<n>", Training, "Steps in which the learning rate rises first. Default: 0.", (job, given) => job with { WarmupSteps = given.Long(0, long.MaxValue) }),
        new("min-lr", "<x>", Training, "Learning rate that the schedules cosine and linear end at. Default: 0.", (job, given) => job with { MinLearningRate = given.Number(0) }),
        new("dropout", "<x>", Training, "Share of activations that dropout zeroes, below 1. Default: the model's own.", (job, given) => job with { Dropout = given.Number(0, 1) }),
        new("clip-norm", "<x>", Training, "Clips the gradient's L2 norm to this.", (job, given) => job with { ClipNorm = given.Number(0, above: true) }),
        new("clip-value", "<x>", Training, "Holds every element of the gradient within plus or minus this.", (job, given) => job with { ClipValue = given.Number(0, above: true) }),
        new("batch-size", "<n>", Sizes, $"Samples of one global batch, over all shards. Default: {Default(d => d.BatchSize)}.", (job, given) => job with { BatchSize = given.Int(1, 1_000_000) }),
        new("drop-last", "", Sizes, "Leaves out an epoch's last batch when it is smaller.", (job, given) => job with { DropLast = given.Switch() }),
        new("shards", "<n>", Sizes, "Logical shards of each batch. The result depends on them and not on the workers. Default: as many as workers.", (job, given) => job with { Shards = given.Int(1, 4096) }),
        new("accumulate", "<n>", Sizes, "Gradient accumulation, a power of two: a step takes n times the batch size. Default: 1.", (job, given) => job with { Accumulate = given.Int(1, 1 << 20) }),
        new("consistency", "<mode>", Training, "How far workers may run apart: bsp, ssp:<s>, async, async:scaled or local:<H>. Default: bsp.", (job, given) => job with { Consistency = Consistency.Parse(given.Text) }),
        new("outer-lr", "<x>", Training, FormattableString.Invariant($"Learning rate of the outer optimizer of local:<H>. Default: {OuterOptions.DefaultLearningRate}."), (job, given) => job with { OuterLearningRate = given.Number(0, above: true) }),
        new("outer-momentum", "<x>", Training, FormattableString.Invariant($"Momentum of the outer optimizer of local:<H>, below 1. Default: {OuterOptions.DefaultMomentum}."), (job, given) => job with { OuterMomentum = given.Number(0, 1) }),
        new("codec", "<codec>", Channels, "How gradients are written on their way to servers: none, bf16, fp16, int8, topk:<share> or powersgd:<rank>. Default: none.", (job, given) => job with { Codec = Codec(given, CodecSpec.ParseGradient) }),
        new("weights-codec", "<codec>", Channels, "How weights are written on their way to workers: none, bf16 or fp16. Default: none.", (job, given) => job with { WeightsCodec = Codec(given, CodecSpec.ParseWeights) }),
        new("on-nonfinite", "<what>", Training, "What happens to a step whose gradient is not finite: fail or skip. Default: fail.", (job, given) => job with { OnNonFinite = given.OneOf(["fail", "skip"]) == "skip" ? OnNonFinite.Skip : OnNonFinite.Fail }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, JobOptions> get, Func<T, JobOptions, T> with) =>
        Rows.Select(row => row.Of(get, with));

    private static string Codec(GivenText given, Func<string, CodecSpec> parse)
    {
        try
        {
            return parse(given.Text).ToString();
        }
        catch (UserErrorException error)
        {
            throw new UserErrorException($"{given.Source}: {error.Message}", error);
        }
    }

    /// <summary>A default as the help says it: one value where all models share it, else each model's.</summary>
    private static string Default<TValue>(Func<JobDefaults, TValue> value)
    {
        var all = JobDefaults.Models.Select(model => (Model: model, Text: FormattableString.Invariant($"{value(JobDefaults.Of(model))}"))).Where(d => d.Text.Length > 0).ToList();
        return all.Select(d => d.Text).Distinct().Count() == 1
            ? all[0].Text
            : string.Join("; ", all.GroupBy(d => d.Text).Select(same => $"{same.Key} for {string.Join(", ", same.Select(d => d.Model))}"));
    }
}
