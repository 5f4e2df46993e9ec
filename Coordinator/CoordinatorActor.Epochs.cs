using DistTrain.Coordinator.Scheduling;
using DistTrain.Protocol;

namespace DistTrain.Coordinator;

/// <content>How the run goes on: from step to step, through evaluations and checkpoints, from epoch to epoch.</content>
public sealed partial class CoordinatorActor
{
    private void Begin()
    {
        var traffic = PerStep(roster.Count);
        setup.Observer(new RunEvent.Started(Environment.ProcessId, roster.Count, setup.Plan.Shards, setup.Plan.BatchSize, setup.Buckets.Layout.ParameterCount, traffic.BytesPerStep));
        if (traffic.Warning is { } warning) setup.Observer(new RunEvent.Warning(warning));
        Reassign();
        if (epochs.IsOpen(Steps) && setup.Plan.TestCount > 0) Evaluate();
        else if (epochs.IsOpen(Steps) && IsWatched) SumEpoch(null);
        else if (applied.Complete >= clocks.Count || epochs.StopReason is not null) End(Finished());
        else Train();
    }

    /// <summary>Lets workers train up to the next evaluation, or to the end; where error-feedback states are to be saved, to the next checkpoint at most.</summary>
    private void Train()
    {
        phase = Phase.Training;
        metrics.Resume(setup.Clock.Now);
        if (isResting) Move();
        if (phase != Phase.Training) return;
        long end = setup.Plan.TestCount > 0 || IsWatched ? clocks.EndOfEpoch(applied.Complete) : clocks.Count;
        if (residuals is not null && setup.Snapshots is { } snapshots) end = Math.Min(end, snapshots.NextAfter(applied.Complete));
        Broadcast(orders.Until(end));
    }

    private void OnApplied(Progress.Applied report)
    {
        if (report.Term != setup.Term || phase == Phase.Ending) return;
        quietTicks = 0;
        if (applied.Heard(report) == AppliedSteps.Verdict.Gap)
        {
            Sender.Tell(new Progress.Wanted(setup.Term, applied.NextOf(report.Server)), Self);
            return;
        }
        while (phase < Phase.Ending && applied.TryComplete(out var step)) OnStepDone(step);
    }

    private void OnStepDone(Progress.Applied step)
    {
        samples.Use(step);
        version = step.Version;
        setup.Observer(metrics.Add(step));
        if (advisor?.StepDone(metrics.TrainingTime(setup.Clock.Now), Math.Min(roster.Count, setup.Plan.Shards)) is { } warning) setup.Observer(warning);
        if (clocks.EndsEpoch(step.Step))
        {
            bool isGoingOn = phase == Phase.Training || applied.Complete >= clocks.Count;
            if (setup.Plan.TestCount > 0 && isGoingOn) Evaluate();
            // Stopped at an epoch's end: it is left open, and looked at when the run goes on.
            else if ((setup.Plan.TestCount > 0 || IsWatched) && !isGoingOn) TakeNotes(GoOn);
            else SumEpoch(null);
        }
        else
        {
            TakeNotes(GoOn);
        }
    }

    /// <summary>The coordinator's part of a checkpoint; at an epoch's end after its evaluation. Error-feedback states come from the workers first, which stand still for that.</summary>
    private void TakeNotes(Action then)
    {
        if (setup.Snapshots is not { } snapshots || !snapshots.Wants(applied.Complete))
        {
            then();
            return;
        }
        if (residuals is null)
        {
            snapshots.Note(applied.Complete, Notes(out var best), best);
            then();
            return;
        }
        metrics.Pause(setup.Clock.Now);
        residuals.Gather(applied.Complete, () =>
        {
            if (phase >= Phase.Ending) return;
            snapshots.Note(applied.Complete, Notes(out var last), last, residuals.Gathered);
            then();
        });
    }

    private Dictionary<string, string> Notes(out Tensors.FloatBuffer? best)
    {
        var notes = metrics.Notes(Steps);
        best = epochs.AddTo(notes);
        return notes;
    }

    /// <summary>After a step within an epoch.</summary>
    private void GoOn()
    {
        if (phase == Phase.Finishing && applied.Complete >= orders.Horizon) Interrupt();
        else if (phase == Phase.Training && IsAtHorizon) Train();
    }

    private void Evaluate()
    {
        metrics.Pause(setup.Clock.Now);
        phase = Phase.Evaluating;
        patience = 2;
        quietTicks = 0;
        board = new EvaluationBoard(version, setup.Plan.EvaluationSlices, setup.Metrics);
        HandOutSlices();
    }

    private void HandOutSlices()
    {
        if (board is null) return;
        foreach (var (worker, first, count) in board.HandOut(roster.Ids))
            roster.Members.First(member => member.Id == worker).Actor.Tell(new Evaluation.Order(setup.Term, board.Version, first, count), Self);
    }

    private void OnEvaluated(Evaluation.Report report)
    {
        if (board is null || report.Term != setup.Term) return;
        quietTicks = 0;
        board.Heard(report);
        if (!board.IsComplete)
        {
            HandOutSlices();
            return;
        }
        var whole = board;
        board = null;
        SumEpoch(whole);
    }

    /// <summary>Has a compute thread find what an epoch came to; one that nobody evaluates or watches has nothing to find.</summary>
    private void SumEpoch(EvaluationBoard? whole)
    {
        metrics.Pause(setup.Clock.Now);
        if (whole is null && !IsWatched)
        {
            EndEpoch(null, null);
            return;
        }
        if (phase is Phase.Gathering or Phase.Training) phase = Phase.Evaluating;
        Transport.WeightStore.Lease? weights = null;
        if (IsWatched && setup.Best is { } keeper)
        {
            if (!keeper.TryRead(version, out var lease))
            {
                Fail($"the weights of version {version} were gone before it was known whether their epoch was the best");
                return;
            }
            weights = lease;
        }
        var (epoch, loss) = (setup.Plan.EpochOf(clocks.EndOfEpochStep(applied.Complete - 1)), metrics.EpochLoss);
        summing = new EpochSum(whole, test => epochs.IsBest(epoch, loss, test), weights, Self);
        summing.PostTo(setup.Compute);
    }

    private void OnSummed(EpochSummed done)
    {
        if (done.Work != summing) return;
        summing = null;
        if (done.Error is { } error) Fail($"the epoch that ends with version {version}: {error.Message}");
        else EndEpoch(done.Test, done.Best);
    }

    private void EndEpoch(Training.MetricSum? evaluated, Tensors.FloatBuffer? best)
    {
        long last = clocks.EndOfEpochStep(applied.Complete - 1);
        var done = metrics.EndEpoch(setup.Plan.EpochOf(last), evaluated) with { LearningRate = setup.LearningRate?.Invoke(last) * epochs.Rate ?? double.NaN };
        bool isBest = epochs.Observe(done.Epoch, Steps, done.TrainLoss, evaluated, best);
        setup.SetRate(epochs.Rate);
        setup.Observer(done with { IsBest = isBest });
        TakeNotes(AfterEpoch);
    }

    private void AfterEpoch()
    {
        if (applied.Complete >= clocks.Count || epochs.StopReason is not null) EndSaved(Finished());
        else if (phase is Phase.Evaluating or Phase.Gathering || (phase == Phase.Training && IsWatched)) Train();
        else if (phase == Phase.Finishing && applied.Complete >= orders.Horizon) Interrupt();
        else if (phase == Phase.Training && IsAtHorizon) Train();
        else metrics.Resume(setup.Clock.Now);
    }
}
