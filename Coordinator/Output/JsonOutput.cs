using System.Text.Json;
using DistTrain.Coordinator.Scheduling;

namespace DistTrain.Coordinator.Output;

/// <summary>Events as JSON, one per line, each flushed; notes go to stderr.</summary>
internal sealed class JsonOutput(RunFacts facts, long? logEvery, Stream output, TextWriter errors) : IRunOutput
{
    /// <inheritdoc/>
    public void Tell(RunEvent happened)
    {
        switch (happened)
        {
            case RunEvent.Started e:
                Write(new JsonEvent.Started(e.ProcessId, facts.Port, e.Workers, e.Shards, e.BatchSize, facts.Numerics, e.Parameters, e.BytesPerStep, facts.Codec, facts.WeightsCodec));
                break;
            case RunEvent.WorkerJoined e: Write(new JsonEvent.WorkerJoined(e.Name, e.ProcessId)); break;
            case RunEvent.WorkerLost e: Write(new JsonEvent.WorkerLost(e.Name, e.ProcessId, e.Step, e.SilentMs, e.Shards, e.Left ? true : null)); break;
            case RunEvent.CheckpointDone e: Write(new JsonEvent.Checkpoint(e.Step, e.Path, e.Milliseconds, e.OnStandby == true ? ["folder", "standby"] : ["folder"])); break;
            case RunEvent.StandbyJoined e: Write(new JsonEvent.Standby(e.Name, e.Address, e.SharesFolder ? "shared" : "own", e.SharesFolder ? "lease" : "workers")); break;
            case RunEvent.Warning e: Write(new JsonEvent.Warning(e.Text, e.Setting, e.PredictedGain)); break;
            case RunEvent.CheckpointFailed e: Note(TextLines.CheckpointFailed(e)); break;
            case RunEvent.StepDone e:
                if ((e.Step + 1) % logEvery == 0) Write(new JsonEvent.StepLine(e.Step + 1, e.Epoch + 1, e.Loss, e.Norm));
                break;
            case RunEvent.EpochDone e: Write(new JsonEvent.EpochLine(e.Epoch + 1, e.TrainLoss, e.TestLoss, e.TestAccuracy, e.SamplesPerSecond,
                e.Metrics is { Values.IsEmpty: false } report ? NamedValues.Of(report) : null, double.IsNaN(e.LearningRate) ? null : e.LearningRate, e.IsBest ? true : null)); break;
            case RunEvent.Noted e: Note(e.Text); break;
            case RunEvent.Waiting e: Note($"step {e.Step}: no worker is left; waiting for one to join"); break;
        }
    }

    /// <inheritdoc/>
    public void Note(string text) => errors.WriteLine(text);

    /// <inheritdoc/>
    public void Ended(RunSummary summary)
    {
        var totals = summary.Totals;
        string weights = Path.GetFullPath(summary.Weights);
        string? best = summary.BestWeights is { } file ? Path.GetFullPath(file) : null;
        int? bestEpoch = totals.BestEpoch + 1;
        Write(summary.Reason is { } reason
            ? new JsonEvent.Interrupted(
                reason, totals.Steps, totals.Samples, totals.TrainLoss, totals.TestLoss, totals.TestAccuracy, totals.SamplesPerSecond, weights, summary.WeightsSha256, summary.StateSha256,
                totals.TestMetrics, bestEpoch, best)
            : new JsonEvent.Finished(
                totals.Steps, totals.Samples, totals.TrainLoss, totals.TestLoss, totals.TestAccuracy, totals.SamplesPerSecond, weights, summary.WeightsSha256, summary.StateSha256,
                totals.TestMetrics, bestEpoch, best, summary.StoppedEarly));
    }

    /// <inheritdoc/>
    public void Failed(string error)
    {
        Write(new JsonEvent.Failed(error));
        errors.WriteLine($"error: {error}");
    }

    /// <inheritdoc/>
    public void Dispose() { }

    private void Write(JsonEvent line)
    {
        // One write per line: a reader of the pipe never sees half of one.
        byte[] json = [.. JsonSerializer.SerializeToUtf8Bytes(line, JsonEventContext.Readable.JsonEvent), (byte)'\n'];
        output.Write(json);
        output.Flush();
    }
}
