using System.Reflection;
using DistTrain.Optim;
using DistTrain.Training;
using DistTrain.Training.Files;

namespace DistTrain.Tests.Training;

/// <summary>For each option of a job another value than the usual one: a new option is to be given one here, so that tests go through it too.</summary>
internal static class OtherOptions
{
    private static readonly Dictionary<string, object> Values = new()
    {
        [nameof(JobOptions.Name)] = "other",
        [nameof(JobOptions.Model)] = "cnn",
        [nameof(JobOptions.Layers)] = new Layer[] { new FlattenLayer() },
        [nameof(JobOptions.Loss)] = new NllOptions(),
        [nameof(JobOptions.Data)] = "digits:30,10",
        [nameof(JobOptions.Metrics)] = System.Collections.Immutable.ImmutableArray.Create("perplexity"),
        [nameof(JobOptions.ClassWeights)] = "balanced",
        [nameof(JobOptions.EarlyStopPatience)] = 7,
        [nameof(JobOptions.EarlyStopMetric)] = "accuracy",
        [nameof(JobOptions.EarlyStopMinDelta)] = 0.25,
        [nameof(JobOptions.Optimizer)] = "adam",
        [nameof(JobOptions.OptimizerOptions)] = new AdagradOptions(),
        [nameof(JobOptions.LearningRate)] = 0.625,
        [nameof(JobOptions.Momentum)] = 0.625,
        [nameof(JobOptions.WeightDecay)] = 0.625,
        [nameof(JobOptions.DecayMatricesOnly)] = true,
        [nameof(JobOptions.Betas)] = (0.5, 0.625),
        [nameof(JobOptions.Schedule)] = "cosine",
        [nameof(JobOptions.ScheduleOptions)] = new LinearLR(),
        [nameof(JobOptions.ScheduleByEpoch)] = true,
        [nameof(JobOptions.WarmupSteps)] = 2L,
        [nameof(JobOptions.MinLearningRate)] = 0.03125,
        [nameof(JobOptions.Dropout)] = 0.25,
        [nameof(JobOptions.ClipNorm)] = 3.0,
        [nameof(JobOptions.ClipValue)] = 3.0,
        [nameof(JobOptions.BatchSize)] = 6,
        [nameof(JobOptions.DropLast)] = true,
        [nameof(JobOptions.Epochs)] = 9,
        [nameof(JobOptions.MaxSteps)] = 8L,
        [nameof(JobOptions.Shards)] = 3,
        [nameof(JobOptions.Accumulate)] = 2,
        [nameof(JobOptions.Consistency)] = Consistency.Parse("ssp:2"),
        [nameof(JobOptions.OuterLearningRate)] = 0.375,
        [nameof(JobOptions.OuterMomentum)] = 0.375,
        [nameof(JobOptions.OnNonFinite)] = OnNonFinite.Skip,
        [nameof(JobOptions.Codec)] = "bf16",
        [nameof(JobOptions.WeightsCodec)] = "bf16",
        [nameof(JobOptions.Seed)] = 77UL,
        [nameof(JobOptions.Numerics)] = "portable",
        [nameof(JobOptions.Code)] = new DistTrain.Training.Code.JobCodeReference("Other", "Other.Job", new string('0', 64)),
    };

    /// <summary>All options, each with the options in which it alone is another.</summary>
    public static IEnumerable<(string Name, JobOptions Options)> Of(JobOptions options)
    {
        foreach (var property in typeof(JobOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite))
        {
            var other = options with { };
            property.SetValue(other, Values[property.Name]);
            yield return (property.Name, other);
        }
    }
}
