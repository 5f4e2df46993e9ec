using DistTrain.Protocol;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator.Output;

/// <summary>A run in the log: a line per worker that joins, leaves or crashes, per hand-over of shards and per checkpoint, each with the step.</summary>
internal sealed partial class RunLog(ILogger log, long startStep, long term)
{
    private readonly Dictionary<WorkerId, string> names = [];
    private IReadOnlyList<WorkerId> owners = [];
    private long step = startStep;

    /// <summary>Takes in an event.</summary>
    public void Tell(RunEvent happened)
    {
        switch (happened)
        {
            case RunEvent.StepDone e: step = e.Step + 1; break;
            case RunEvent.Started e: Started(log, step, term, e.Workers, e.Shards); break;
            case RunEvent.WorkerJoined e:
                names[e.Worker] = e.Name;
                Joined(log, e.Name, e.ProcessId, step);
                break;
            case RunEvent.WorkerLost e:
                names.Remove(e.Worker);
                if (e.Left) Left(log, e.Name, e.ProcessId, e.Step);
                else Lost(log, e.Name, e.ProcessId, e.Step, e.SilentMs);
                break;
            case RunEvent.ShardsAssigned e: HandOver(e.Owners); break;
            case RunEvent.Waiting e: Waiting(log, e.Step); break;
            case RunEvent.CheckpointDone e: Saved(log, e.Step, e.Path, e.Milliseconds); break;
            case RunEvent.CheckpointFailed e: NotSaved(log, e.Step, e.InARow, e.Error); break;
            case RunEvent.EpochDone e: Epoch(log, e.Epoch + 1, step, e.TrainLoss, e.TestLoss); break;
            case RunEvent.Finished: Finished(log, step); break;
            case RunEvent.Interrupted e: Interrupted(log, step, e.Reason); break;
            case RunEvent.Failed e: Failed(log, step, e.Error); break;
        }
    }

    /// <summary>One line per worker that gets shards which it did not have.</summary>
    private void HandOver(IReadOnlyList<WorkerId> now)
    {
        foreach (var taken in now.Select((owner, shard) => (Owner: owner, Shard: shard)).Where(part => part.Shard >= owners.Count || owners[part.Shard] != part.Owner).GroupBy(part => part.Owner))
            HandedOver(log, string.Join(',', taken.Select(part => part.Shard)), names.GetValueOrDefault(taken.Key, $"worker {taken.Key}"), step);
        owners = [.. now];
    }

    [LoggerMessage(10, LogLevel.Information, "starts at step {Step} in term {Term} with {Workers} workers and {Shards} shards")]
    private static partial void Started(ILogger log, long step, long term, int workers, int shards);

    [LoggerMessage(11, LogLevel.Information, "{Worker} (process {Pid}) joined at step {Step}")]
    private static partial void Joined(ILogger log, string worker, int pid, long step);

    [LoggerMessage(12, LogLevel.Information, "{Worker} (process {Pid}) left at step {Step}")]
    private static partial void Left(ILogger log, string worker, int pid, long step);

    [LoggerMessage(13, LogLevel.Warning, "{Worker} (process {Pid}) is lost at step {Step} after {SilentMs} ms of silence")]
    private static partial void Lost(ILogger log, string worker, int pid, long step, double silentMs);

    [LoggerMessage(14, LogLevel.Information, "shards {Shards} go to {Worker} at step {Step}")]
    private static partial void HandedOver(ILogger log, string shards, string worker, long step);

    [LoggerMessage(15, LogLevel.Warning, "no worker is left at step {Step}; waits for one to join")]
    private static partial void Waiting(ILogger log, long step);

    [LoggerMessage(16, LogLevel.Information, "checkpoint of step {Step} in {Path} after {Milliseconds} ms")]
    private static partial void Saved(ILogger log, long step, string path, double milliseconds);

    [LoggerMessage(17, LogLevel.Warning, "the checkpoint of step {Step} cannot be written, {InARow} in a row: {Reason}")]
    private static partial void NotSaved(ILogger log, long step, int inARow, string reason);

    [LoggerMessage(18, LogLevel.Information, "epoch {Epoch} is done at step {Step}: train loss {TrainLoss}, test loss {TestLoss}")]
    private static partial void Epoch(ILogger log, int epoch, long step, double trainLoss, double? testLoss);

    [LoggerMessage(19, LogLevel.Information, "the job is done at step {Step}")]
    private static partial void Finished(ILogger log, long step);

    [LoggerMessage(20, LogLevel.Information, "the job ends at step {Step}: {Reason}")]
    private static partial void Interrupted(ILogger log, long step, string reason);

    [LoggerMessage(21, LogLevel.Error, "the job fails at step {Step}: {Reason}")]
    private static partial void Failed(ILogger log, long step, string reason);
}
