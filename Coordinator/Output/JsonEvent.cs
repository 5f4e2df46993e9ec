using System.Text.Json.Serialization;

namespace DistTrain.Coordinator.Output;

/// <summary>
/// A line of <c>--output json</c>. The constructors' parameters are the fields, in snake_case; a field that does not apply is null here and absent there, a number that is not finite is null there.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(Started), "started")]
[JsonDerivedType(typeof(WorkerJoined), "worker_joined")]
[JsonDerivedType(typeof(WorkerLost), "worker_lost")]
[JsonDerivedType(typeof(Checkpoint), "checkpoint")]
[JsonDerivedType(typeof(Standby), "standby")]
[JsonDerivedType(typeof(Warning), "warning")]
[JsonDerivedType(typeof(StepLine), "step")]
[JsonDerivedType(typeof(EpochLine), "epoch")]
[JsonDerivedType(typeof(Finished), "finished")]
[JsonDerivedType(typeof(Interrupted), "interrupted")]
[JsonDerivedType(typeof(Failed), "failed")]
internal abstract record JsonEvent
{
    /// <summary>The first event. <c>port</c> is absent without a network.</summary>
    internal sealed record Started(int Pid, int? Port, int Workers, int Shards, int BatchSize, string Numerics, long Parameters, long BytesPerStep, string? Codec = null, string? WeightsCodec = null) : JsonEvent;

    /// <summary>Something to know, and where there is one the setting that would help and how many times as fast the run would be.</summary>
    internal sealed record Warning(string Text, string? Setting, double? PredictedGain) : JsonEvent;

    /// <summary>A worker has joined.</summary>
    internal sealed record WorkerJoined(string Worker, int Pid) : JsonEvent;

    /// <summary>A worker was lost, or left by itself; its shards moved on.</summary>
    internal sealed record WorkerLost(string Worker, int Pid, long Step, double SilentMs, IReadOnlyList<int> Shards, bool? Left = null) : JsonEvent;

    /// <summary>A checkpoint is durable, in the folder (<c>folder</c>), and where there is a standby with a folder of its own perhaps there too (<c>standby</c>).</summary>
    internal sealed record Checkpoint(long Step, string Path, double Ms, IReadOnlyList<string> Durable) : JsonEvent;

    /// <summary>A standby is there. <c>folder</c> is <c>shared</c> or <c>own</c>; who reigns is decided by its <c>lease</c>, or by the <c>workers</c>.</summary>
    internal sealed record Standby(string Name, string Address, string Folder, string DecidedBy) : JsonEvent;

    /// <summary>Every n-th step: steps done, the epoch from 1, the batch's mean loss, and the gradient's norm where it was computed.</summary>
    internal sealed record StepLine(long Step, int Epoch, double TrainLoss, double? GradientNorm) : JsonEvent;

    /// <summary>An epoch, from 1, is done.</summary>
    internal sealed record EpochLine(int Epoch, double TrainLoss, double? TestLoss, double? TestAccuracy, double SamplesPerS, IReadOnlyDictionary<string, double>? TestMetrics = null, double? LearningRate = null, bool? Best = null) : JsonEvent;

    /// <summary>All steps are done: the last event.</summary>
    internal sealed record Finished(
        long Steps, long Samples, double TrainLoss, double? TestLoss, double? TestAccuracy, double SamplesPerS, string Weights, string WeightsSha256, string StateSha256,
        IReadOnlyDictionary<string, double>? TestMetrics = null, int? BestEpoch = null, string? BestWeights = null, string? StoppedEarly = null) : JsonEvent;

    /// <summary>Asked to end before that; what is done is saved: the last event.</summary>
    internal sealed record Interrupted(
        string Reason, long Steps, long Samples, double TrainLoss, double? TestLoss, double? TestAccuracy, double SamplesPerS, string Weights, string WeightsSha256, string StateSha256,
        IReadOnlyDictionary<string, double>? TestMetrics = null, int? BestEpoch = null, string? BestWeights = null) : JsonEvent;

    /// <summary>The run cannot go on: the last event.</summary>
    internal sealed record Failed(string Error) : JsonEvent;
}
