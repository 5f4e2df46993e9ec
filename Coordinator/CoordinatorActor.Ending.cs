using DistTrain.Protocol;

namespace DistTrain.Coordinator;

/// <content>How the run ends: done, stopped, rolled back or failed.</content>
public sealed partial class CoordinatorActor
{
    private void OnStop(Schedule.Stop stop)
    {
        if (stopReason.Length > 0 || phase == Phase.Ending) return;
        stopReason = stop.Reason.Length > 0 ? stop.Reason : "stopped";
        if (phase != Phase.Training)
        {
            Interrupt();
            return;
        }
        phase = Phase.Halting;
        Broadcast(orders.Halt(applied.Complete));
        // With nobody there, nobody will answer.
        Settle();
    }

    private void OnHalted(Schedule.Halted halted)
    {
        if ((phase != Phase.Halting && !isResting) || halted.Term != setup.Term) return;
        orders.Heard(halted);
        Settle();
    }

    /// <summary>Once every worker has said how far it went, the furthest step that was begun is the last one.</summary>
    private void Settle()
    {
        if (phase == Phase.Training) SettleRest();
        if (phase != Phase.Halting || orders.AgreedEnd(IsAsync ? [.. roster.Ids, AsyncServerActor.RunOrdersServer] : roster.Ids) is not { } end) return;
        phase = Phase.Finishing;
        Broadcast(orders.Until(Math.Max(end, applied.Complete)));
        if (applied.Complete >= orders.Horizon || roster.Count == 0) Interrupt();
    }

    private void Interrupt()
    {
        metrics.Pause(setup.Clock.Now);
        // An evaluation in progress is left: its epoch is looked at when the run goes on.
        (board, summing) = (null, null);
        // Without workers a step that some buckets have begun stays unfinished: what is saved already is the place to go on from.
        bool clean = roster.Count > 0 || phase is not (Phase.Halting or Phase.Finishing);
        EndSaved(new RunEvent.Interrupted(Totals(), stopReason, clean));
    }

    /// <summary>Ends the run with all that its last checkpoint needs: until that is here, nothing goes on.</summary>
    private void EndSaved(RunEvent last)
    {
        phase = Phase.Ending;
        bool isSaved = setup.Snapshots is not null && last is not RunEvent.Interrupted { Clean: false };
        if (residuals is null || !isSaved || (residuals.GatheredAt == applied.Complete && !residuals.IsGathering)) End(last);
        else residuals.Gather(applied.Complete, () => End(last), isLast: true);
    }

    private RunEvent.Finished Finished() => new(Totals(), applied.Complete < clocks.Count ? epochs.StopReason : null);

    private RunTotals Totals() => metrics.Totals(Steps) with { BestEpoch = epochs.BestEpoch };

    private void Fail(string error) => End(new RunEvent.Failed(error));

    private void End(RunEvent last)
    {
        if (phase == Phase.Ended) return;
        phase = Phase.Ended;
        outcome = last.GetType().Name;
        if (setup.Snapshots is { } snapshots)
        {
            (snapshots.Last, snapshots.LastResiduals) = (Notes(out var best), residuals?.Gathered ?? snapshots.LastResiduals);
            snapshots.LastBest = best;
        }
        var ended = new Schedule.JobEnded(setup.Term, outcome);
        residuals?.End(ended);
        foreach (var server in setup.Servers) Context.Unwatch(server);
        foreach (var server in setup.Servers) server.Tell(ended, Self);
        foreach (var member in roster.Members)
        {
            Context.Unwatch(member.Actor);
            member.Actor.Tell(ended, Self);
        }
        setup.Observer(last);
    }
}
