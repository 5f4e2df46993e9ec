using DistTrain.Coordinator.Output;

namespace DistTrain.Coordinator.Commands;

/// <summary>Puts a run's events into the order that its output promises: the start first, though workers join before it; the end is told later, once the weights are saved.</summary>
internal sealed class EventOrder(IRunOutput output)
{
    private readonly List<RunEvent> early = [];
    private bool started;

    /// <summary>Told an event by the run.</summary>
    public void Tell(RunEvent happened)
    {
        if (happened is RunEvent.Finished or RunEvent.Interrupted or RunEvent.Failed) return;
        if (!started && happened is not (RunEvent.Started or RunEvent.Noted))
        {
            early.Add(happened);
            return;
        }
        output.Tell(happened);
        if (started || happened is not RunEvent.Started) return;
        started = true;
        foreach (var waiting in early) output.Tell(waiting);
        early.Clear();
    }
}
