using System.Globalization;
using DistTrain.Training;

namespace DistTrain.Coordinator.Output;

/// <summary>The lines of text that a run is told in, on a terminal and in a file alike.</summary>
internal static class TextLines
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>What runs: two lines.</summary>
    public static IEnumerable<string> Start(RunFacts facts, RunEvent.Started started)
    {
        var test = facts.Plan.TestCount > 0 ? $", tests on {Count(facts.Plan.TestCount)}" : "";
        yield return $"{facts.Model} ({Count(started.Parameters)} parameters) trains on {Count(facts.Plan.TrainCount)} samples of {facts.Data}{test}";
        yield return $"{Plural(started.Workers, "worker")}, {Plural(started.Shards, "shard")}, batch {started.BatchSize}, {Plural(facts.Epochs, "epoch")} of {Plural(facts.Plan.StepsPerEpoch, "step")}, {facts.Numerics}{Codecs(facts, started)}";
    }

    private static string Codecs(RunFacts facts, RunEvent.Started started) => facts is { Codec: null, WeightsCodec: null }
        ? "" : $", gradients {facts.Codec ?? "none"}, weights {facts.WeightsCodec ?? "none"} ({Count(started.BytesPerStep)} bytes a step)";

    /// <summary>A step, for <c>--log-every</c>.</summary>
    public static string Step(RunEvent.StepDone step) =>
        $"step {step.Step + 1}: loss {Loss(step.Loss)}{(step.Norm is { } norm ? $", gradient norm {norm.ToString("G4", Invariant)}" : "")}{(step.Skipped ? ", skipped: its gradient is not finite" : "")}";

    /// <summary>Workers that come and go, checkpoints; null for what has no line of its own.</summary>
    public static string? Other(RunEvent happened) => happened switch
    {
        RunEvent.WorkerLost { Left: true } e => $"{e.Name} left at step {e.Step}; its shards {string.Join(", ", e.Shards)} move on",
        RunEvent.WorkerLost e => $"lost {e.Name} at step {e.Step} after {e.SilentMs.ToString("F0", Invariant)} ms of silence; its shards {string.Join(", ", e.Shards)} move on",
        RunEvent.Waiting e => $"step {e.Step}: no worker is left; waiting for one to join",
        RunEvent.CheckpointDone e => $"checkpoint of step {e.Step}: {e.Path}{(e.OnStandby is { } there ? there ? ", and on the standby" : ", not on the standby" : "")}",
        RunEvent.StandbyJoined e => $"{e.Name} stands by at {e.Address}: {(e.SharesFolder ? "it shares the folder of checkpoints, whose lease decides who reigns" : "checkpoints travel to its own folder, and more than half of the workers decide who reigns")}",
        RunEvent.Warning e => $"warning: {e.Text}",
        RunEvent.CheckpointFailed e => CheckpointFailed(e),
        _ => null,
    };

    /// <summary>The warning that a checkpoint is missing.</summary>
    public static string CheckpointFailed(RunEvent.CheckpointFailed failed) =>
        $"warning: the checkpoint of step {failed.Step} cannot be written ({failed.InARow} in a row; after {Checkpoints.CheckpointWriter.MostFailures} the run fails): {failed.Error}";

    /// <summary>The lines at the end.</summary>
    public static IEnumerable<string> End(RunSummary summary)
    {
        var totals = summary.Totals;
        var state = summary.Reason is { } reason ? $"{reason} after" : "done:";
        yield return $"{state} {Plural(totals.Steps, "step")}, {Plural(totals.Samples, "sample")} in {summary.Elapsed.TotalSeconds.ToString("F1", Invariant)} s ({Count((long)totals.SamplesPerSecond)} samples/s)";
        if (totals.Steps > 0)
            yield return $"train loss {Loss(totals.TrainLoss)}{(totals.TestLoss is { } test ? $", test loss {Loss(test)}" : "")}{(totals.TestAccuracy is { } right ? $", test accuracy {Accuracy(right)}" : "")}";
        if (summary.StoppedEarly is { } early) yield return $"stopped early: {early}";
        if (totals.SkippedSteps > 0) yield return $"{Plural(totals.SkippedSteps, "step")} changed nothing: the gradient was not finite";
        yield return $"weights: {summary.Weights}";
        if (summary.BestWeights is { } best && totals.BestEpoch is { } epoch) yield return $"best, of epoch {Count(epoch + 1)}: {best}";
    }

    /// <summary>A loss with four decimals, or in scientific notation where those would say nothing.</summary>
    public static string Loss(double? loss) => loss switch
    {
        null => "-",
        { } value when !double.IsFinite(value) => value.ToString(Invariant),
        { } value when value != 0 && Math.Abs(value) is < 0.00005 or >= 1e6 => value.ToString("E2", Invariant),
        { } value => value.ToString("F4", Invariant),
    };

    /// <summary>A share as percent.</summary>
    public static string Accuracy(double? share) => share is { } value ? $"{(100 * value).ToString("F2", Invariant)} %" : "-";

    /// <summary>A metric: a share as percent, anything else as a number.</summary>
    public static string Metric(Metric metric, double? value) => value is null or double.NaN ? "-" : metric.IsShare ? Accuracy(value) : Loss(value);

    /// <summary>A number with thousands apart.</summary>
    public static string Count(long number) => number.ToString("N0", Invariant);

    /// <summary>A number and its thing.</summary>
    public static string Plural(long number, string thing) => $"{Count(number)} {thing}{(number == 1 ? "" : "s")}";
}
