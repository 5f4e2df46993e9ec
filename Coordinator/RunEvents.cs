using System.Collections.Immutable;
using DistTrain.Protocol;

namespace DistTrain.Coordinator;

/// <summary>Something that happened in a run, told in order to whoever watches it.</summary>
public abstract record RunEvent
{
    /// <summary>The run begins: all starting workers are in.</summary>
    public sealed record Started(int ProcessId, int Workers, int Shards, int BatchSize, long Parameters, long BytesPerStep) : RunEvent;

    /// <summary>A worker is in.</summary>
    public sealed record WorkerJoined(WorkerId Worker, string Name, Incarnation Incarnation, int ProcessId) : RunEvent;

    /// <summary>A worker is lost, or has left, having said so; its shards move on.</summary>
    public sealed record WorkerLost(WorkerId Worker, string Name, int ProcessId, long Step, double SilentMs, ImmutableArray<int> Shards, bool Left = false) : RunEvent;

    /// <summary>Shards have new owners.</summary>
    /// <param name="Owners">The owner of each shard, in shard order.</param>
    public sealed record ShardsAssigned(ImmutableArray<WorkerId> Owners) : RunEvent;

    /// <summary>Nobody is left to compute; the run waits for a worker to join.</summary>
    public sealed record Waiting(long Step) : RunEvent;

    /// <summary>Something that people should read, at once.</summary>
    public sealed record Noted(string Text) : RunEvent;

    /// <summary>A step is in the weights.</summary>
    /// <param name="Step">The step, from 0.</param>
    /// <param name="Epoch">Its epoch, from 0.</param>
    /// <param name="Samples">Its samples.</param>
    /// <param name="Loss">Its mean loss.</param>
    /// <param name="Norm">The gradient's L2 norm before clipping, where it was computed.</param>
    /// <param name="Version">The version of the weights that has it in.</param>
    /// <param name="Skipped">Whether it changed nothing because its gradient was not finite.</param>
    public sealed record StepDone(long Step, int Epoch, int Samples, double Loss, double? Norm, bool Skipped, long Version = 0) : RunEvent;

    /// <summary>An epoch is done and evaluated.</summary>
    /// <param name="Epoch">The epoch, from 0.</param>
    /// <param name="TrainLoss">Its mean training loss.</param>
    /// <param name="TrainAccuracy">Its share of right predictions in training; null where that means nothing.</param>
    /// <param name="TestLoss">The test split's loss; null without one.</param>
    /// <param name="TestAccuracy">Its share of right predictions.</param>
    /// <param name="SamplesPerSecond">Samples over the time spent training.</param>
    /// <param name="Metrics">The test split's metrics; null without one.</param>
    /// <param name="LearningRate">The learning rate of the epoch's last step; NaN where unknown.</param>
    /// <param name="IsBest">Whether it is the best epoch so far.</param>
    public sealed record EpochDone(
        int Epoch, double TrainLoss, double? TrainAccuracy, double? TestLoss, double? TestAccuracy, double SamplesPerSecond,
        Training.MetricReport? Metrics = null, double LearningRate = double.NaN, bool IsBest = false) : RunEvent;

    /// <summary>A checkpoint is durable.</summary>
    /// <param name="Step">Its step.</param>
    /// <param name="Path">The file.</param>
    /// <param name="Milliseconds">How long that took.</param>
    /// <param name="OnStandby">Whether a standby with a folder of its own has it too; null where there is none.</param>
    public sealed record CheckpointDone(long Step, string Path, double Milliseconds, bool? OnStandby = null) : RunEvent;

    /// <summary>A standby is there.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Address">Where it is, as <c>host:port</c>.</param>
    /// <param name="SharesFolder">Whether it shares the folder of checkpoints, whose lease then decides who reigns; else checkpoints travel to it, and the workers decide.</param>
    public sealed record StandbyJoined(string Name, string Address, bool SharesFolder) : RunEvent;

    /// <summary>A checkpoint could not be written; those before it are untouched.</summary>
    public sealed record CheckpointFailed(long Step, string Error, int InARow) : RunEvent;

    /// <summary>Something that the user should know and may want to change.</summary>
    /// <param name="Text">A line for people.</param>
    /// <param name="Setting">The setting that would help, such as <c>--codec int8</c>; null where there is none to name.</param>
    /// <param name="PredictedGain">How many times as fast the run would be with it; null where that cannot be told.</param>
    public sealed record Warning(string Text, string? Setting = null, double? PredictedGain = null) : RunEvent;

    /// <summary>A crash lost a shard's residual, and the run is to be exact: it ends here, and goes on from its last checkpoint.</summary>
    public sealed record RolledBack(long Step, string Reason) : RunEvent;

    /// <summary>The job reached its end.</summary>
    /// <param name="Totals">What it came to.</param>
    /// <param name="StoppedEarly">Why it ended before its last step; null where it did not.</param>
    public sealed record Finished(RunTotals Totals, string? StoppedEarly = null) : RunEvent;

    /// <summary>The run was stopped after a step; what is done so far is kept.</summary>
    /// <param name="Totals">What it came to.</param>
    /// <param name="Reason">Why it was stopped.</param>
    /// <param name="Clean">Whether every part of the state is at the last step, so that it can be saved.</param>
    public sealed record Interrupted(RunTotals Totals, string Reason, bool Clean = true) : RunEvent;

    /// <summary>The run cannot go on.</summary>
    public sealed record Failed(string Error) : RunEvent;
}

/// <summary>What a run came to.</summary>
/// <param name="Steps">Steps in the weights, those before a resume included.</param>
/// <param name="SkippedSteps">Steps of this run that changed nothing because their gradient was not finite.</param>
/// <param name="Samples">Samples computed in this run.</param>
/// <param name="TrainLoss">The last epoch's mean training loss; NaN for none.</param>
/// <param name="TestLoss">The last evaluation's mean loss; null for none.</param>
/// <param name="TestAccuracy">The last evaluation's share of right predictions; null where that does not apply.</param>
/// <param name="SamplesPerSecond">Samples over the time spent training, evaluations left out.</param>
/// <param name="TestMetrics">The last evaluation's metrics by their names in events, such as <c>f1_micro</c>; empty for none.</param>
/// <param name="BestEpoch">The best epoch, from 0; null where none was watched.</param>
/// <param name="MeanStaleness">How many versions were published, on average, while a piece was computed; 0 under <c>bsp</c>.</param>
/// <param name="MaxStaleness">The most of them.</param>
/// <param name="RepeatedSamples">Samples that an epoch used more than once: 0, or something is broken.</param>
/// <param name="MissedSamples">Samples that a finished epoch should have used and did not: 0, or something is broken.</param>
public sealed record RunTotals(
    long Steps, long SkippedSteps, long Samples, double TrainLoss, double? TestLoss, double? TestAccuracy, double SamplesPerSecond,
    long RepeatedSamples, long MissedSamples, double MeanStaleness = 0, int MaxStaleness = 0, ImmutableSortedDictionary<string, double>? TestMetrics = null, int? BestEpoch = null);
