using DistTrain.Training;

namespace DistTrain.Coordinator.Output;

/// <summary>What is known of a run before it starts.</summary>
/// <param name="Job">The job's name.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Data">The data, as it was asked for.</param>
/// <param name="Plan">The job in numbers.</param>
/// <param name="Numerics">The numerics level that it computes with.</param>
/// <param name="Port">The port that it listens on; null without a network.</param>
/// <param name="Metrics">What it measures; null for loss and the share of right predictions.</param>
internal sealed record RunFacts(string Job, string Model, string Data, JobPlan Plan, string Numerics, int? Port = null, MetricPlan? Metrics = null)
{
    /// <summary>The codec of gradients; null for none.</summary>
    public string? Codec { get; init; }

    /// <summary>The codec of weights; null for none.</summary>
    public string? WeightsCodec { get; init; }

    /// <summary>The facts with the codecs of what was asked for.</summary>
    public RunFacts With(JobOptions options) => this with { Codec = options.Codec == "none" ? null : options.Codec, WeightsCodec = options.WeightsCodec == "none" ? null : options.WeightsCodec };

    /// <summary>The numerics level that it computes with; where the starting workers decide it, the best of this machine until then.</summary>
    public string Numerics { get; set; } = Numerics;

    /// <summary>Epochs that the run will come to; a limit on steps may cut the last one short.</summary>
    public long Epochs => (Plan.TotalSteps + Plan.StepsPerEpoch - 1) / Plan.StepsPerEpoch;
}

/// <summary>What a run came to, once its weights are saved.</summary>
/// <param name="Totals">Its figures.</param>
/// <param name="Reason">Why it was ended before it was done; null for a run that is done.</param>
/// <param name="Weights">The weights' file.</param>
/// <param name="WeightsSha256">SHA-256 of the parameters.</param>
/// <param name="StateSha256">SHA-256 of all that a run goes on from.</param>
/// <param name="Elapsed">Time since its start.</param>
/// <param name="StoppedEarly">Why it ended before its last step by itself; null where it did not.</param>
/// <param name="BestWeights">The file of the best epoch's weights; null for none.</param>
internal sealed record RunSummary(
    RunTotals Totals, string? Reason, string Weights, string WeightsSha256, string StateSha256, TimeSpan Elapsed, string? StoppedEarly = null, string? BestWeights = null);
