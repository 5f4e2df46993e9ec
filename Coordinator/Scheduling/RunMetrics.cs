using System.Collections.Immutable;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>A run's figures: the epoch's sums in step and leaf order, never in the order of arrival, and the time spent training.</summary>
public sealed class RunMetrics
{
    private const string EpochNote = "epoch", FinishedNote = "finished_epoch", TestNote = "test", TestMetricsNote = "test_metrics";

    private readonly JobPlan plan;
    private readonly ClockPlan clocks;
    private readonly SampleLedger ledger;
    private MetricSum epoch = new();
    private MetricSum? finishedEpoch;
    private MetricSum? test;
    private ImmutableSortedDictionary<string, double>? testMetrics;
    private TimeSpan training, epochTraining;
    private TimeSpan? since;
    private long samples, epochSamples, skipped, pieces, stalenessSum;
    private int maxStaleness;

    /// <summary>Begins with nothing, or with what a checkpoint says.</summary>
    public RunMetrics(JobPlan plan, ClockPlan clocks, SampleLedger ledger, IReadOnlyDictionary<string, string>? notes = null)
    {
        (this.plan, this.clocks, this.ledger) = (plan, clocks, ledger);
        if (notes is null) return;
        if (notes.TryGetValue(EpochNote, out string? sum)) epoch = MetricSum.Parse(sum);
        if (notes.TryGetValue(FinishedNote, out sum)) finishedEpoch = MetricSum.Parse(sum);
        if (notes.TryGetValue(TestNote, out sum)) test = MetricSum.Parse(sum);
        if (notes.TryGetValue(TestMetricsNote, out string? values)) testMetrics = NamedValues.Parse(values);
    }

    /// <summary>The sums after this many steps, for a checkpoint.</summary>
    public Dictionary<string, string> Notes(long steps)
    {
        var notes = new Dictionary<string, string>();
        // An epoch that a limit on steps has cut short goes on after a resume with a higher limit.
        bool isCut = epoch.Samples == 0 && steps == plan.TotalSteps && steps % plan.StepsPerEpoch != 0;
        var running = isCut ? finishedEpoch : epoch;
        if (running is { Samples: > 0 }) notes[EpochNote] = running.ToText();
        if (!isCut && finishedEpoch is { } finished) notes[FinishedNote] = finished.ToText();
        if (test is { } tested) notes[TestNote] = tested.ToText();
        if (testMetrics is not null) notes[TestMetricsNote] = NamedValues.ToText(testMetrics);
        return notes;
    }

    /// <summary>The clock of training runs from now on.</summary>
    public void Resume(TimeSpan now) => since ??= now;

    /// <summary>The clock of training stands still: workers evaluate, or nobody is there.</summary>
    public void Pause(TimeSpan now)
    {
        if (since is not { } start) return;
        training += now - start;
        epochTraining += now - start;
        since = null;
    }

    /// <summary>The time spent training, evaluations left out.</summary>
    public TimeSpan TrainingTime(TimeSpan now) => training + (since is { } start ? now - start : default);

    /// <summary>The mean loss of the running epoch.</summary>
    public double EpochLoss => epoch.Loss;

    /// <summary>Adds a step; returns what to tell of it.</summary>
    public RunEvent.StepDone Add(Progress.Applied step)
    {
        var sum = new MetricSum();
        foreach (var leaf in step.Leaves)
        {
            var piece = new PieceResult(leaf.Samples, leaf.Denominator, leaf.LossSum, leaf.Correct, leaf.Counted);
            sum.Add(piece);
            stalenessSum += leaf.Staleness;
            maxStaleness = Math.Max(maxStaleness, leaf.Staleness);
            pieces++;
            epoch.Add(piece);
        }
        samples += sum.Samples;
        epochSamples += sum.Samples;
        if (step.Skipped) skipped++;
        long last = clocks.StepsOf(step.Step).End - 1;
        return new RunEvent.StepDone(last, plan.EpochOf(last), (int)sum.Samples, sum.Loss, double.IsNaN(step.Norm) ? null : step.Norm, step.Skipped, step.Version);
    }

    /// <summary>Ends an epoch; returns what to tell of it.</summary>
    public RunEvent.EpochDone EndEpoch(int number, MetricSum? evaluated)
    {
        test = evaluated ?? test;
        if (evaluated?.Metrics is { Values.IsEmpty: false } report) testMetrics = NamedValues.Of(report);
        var done = new RunEvent.EpochDone(number, epoch.Loss, epoch.Accuracy, evaluated?.Loss, evaluated?.Accuracy, Rate(epochSamples, epochTraining), evaluated?.Metrics);
        finishedEpoch = epoch;
        epoch = new MetricSum();
        epochSamples = 0;
        epochTraining = default;
        return done;
    }

    /// <summary>The run's totals.</summary>
    public RunTotals Totals(long steps)
    {
        var train = epoch.Samples > 0 ? epoch : finishedEpoch ?? new MetricSum();
        return new RunTotals(steps, skipped, samples, train.Loss, test?.Loss, test?.Accuracy, Rate(samples, training), ledger.Repeated, ledger.Missed, pieces == 0 ? 0 : (double)stalenessSum / pieces, maxStaleness, testMetrics);
    }

    private static double Rate(long samples, TimeSpan time) => time > TimeSpan.Zero ? samples / time.TotalSeconds : 0;
}
