using System.Diagnostics;

namespace DistTrain.Coordinator.Serving;

/// <summary>Says what the loss of a worker cost: how long until it was noticed, and how long until the step that it was in was done after all.</summary>
/// <param name="report">Told it in a line.</param>
internal sealed class LossWatch(Action<string> report)
{
    private readonly List<(RunEvent.WorkerLost Loss, long Noticed)> open = [];

    /// <summary>Takes in an event; called for one at a time.</summary>
    public void Tell(RunEvent happened)
    {
        switch (happened)
        {
            case RunEvent.WorkerLost { Shards.IsEmpty: false, Left: false } loss: open.Add((loss, Stopwatch.GetTimestamp())); break;
            case RunEvent.StepDone step when open.Count > 0:
                foreach (var (loss, noticed) in open)
                    report(FormattableString.Invariant($"step {step.Step + 1} is done without {loss.Name}: its loss was noticed after {loss.SilentMs:F0} ms of silence, the step took {Stopwatch.GetElapsedTime(noticed).TotalMilliseconds:F0} ms more; its pieces of that step were computed again, nothing before"));
                open.Clear();
                break;
        }
    }
}
