using System.Collections.Immutable;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>The slices of one evaluation: handed to workers in runs, handed on when a worker is lost, summed in slice order whoever computed them.</summary>
public sealed class EvaluationBoard(long version, int slices, MetricPlan? plan = null)
{
    private readonly MetricPlan metrics = plan ?? MetricPlan.None;
    private readonly Evaluation.Slice?[] found = new Evaluation.Slice?[slices];
    private readonly WorkerId?[] owner = new WorkerId?[slices];
    private int left = slices;

    /// <summary>The version of the weights that is evaluated.</summary>
    public long Version => version;

    /// <summary>Whether all slices are in.</summary>
    public bool IsComplete => left == 0;

    /// <summary>Hands slices that nobody works at to those of the given workers that have none; one run of slices each, no longer than one message can report.</summary>
    public IEnumerable<(WorkerId Worker, int First, int Count)> HandOut(IReadOnlyList<WorkerId> workers)
    {
        var orders = new List<(WorkerId, int, int)>();
        int open = 0;
        for (int i = 0; i < found.Length; i++)
            if (IsOpen(i)) open++;
        if (open == 0 || workers.Count == 0) return orders;
        List<WorkerId> free = [.. workers.Where(worker => !IsBusy(worker))];
        // What a lost worker leaves need not wait, if it is little.
        if (free.Count == 0 && open <= metrics.SlicesPerReport) free = [.. workers];
        int share = Math.Min((open + workers.Count - 1) / workers.Count, metrics.SlicesPerReport), next = 0;
        for (int i = 0; i < found.Length && next < free.Count; i++)
        {
            if (!IsOpen(i)) continue;
            int first = i;
            while (i < found.Length && IsOpen(i) && i - first < share) owner[i++] = free[next];
            orders.Add((free[next++], first, i - first));
            i--;
        }
        return orders;
    }

    /// <summary>A worker is lost, or its answer: its slices are free again.</summary>
    public void Free(WorkerId worker)
    {
        for (int i = 0; i < found.Length; i++)
            if (owner[i] == worker) owner[i] = null;
    }

    /// <summary>Why a report cannot be right; null where it can.</summary>
    public string? Refusal(Evaluation.Report report)
    {
        foreach (var slice in report.Slices)
        {
            if (slice.Samples is >= 0 and <= JobPlan.EvaluationSlice && (!metrics.IsDetailed || MetricTotals.Refusal(metrics, slice.Samples, DetailOf(slice)) is null)) continue;
            return $"evaluation slice {slice.Number} of worker {report.Worker} makes no sense: {MetricTotals.Refusal(metrics, slice.Samples, DetailOf(slice)) ?? $"{slice.Samples} samples"}";
        }
        return null;
    }

    /// <summary>Counts a report's slices, each once.</summary>
    public void Heard(Evaluation.Report report)
    {
        if (report.Version != version) return;
        foreach (var slice in report.Slices)
        {
            if ((uint)slice.Number >= (uint)found.Length || found[slice.Number] is not null) continue;
            found[slice.Number] = slice;
            left--;
        }
        // A worker's answer ends its run: what it was handed and did not report is open again.
        Free(report.Worker);
    }

    /// <summary>The sum in slice order; needs all slices.</summary>
    public MetricSum Sum()
    {
        var sum = new MetricSum(metrics);
        foreach (var slice in found)
            if (slice is { } s) sum.Add(new EvaluationResult(s.Samples, s.Denominator, s.LossSum, s.Correct, s.Counted, metrics.IsDetailed ? DetailOf(s) : null));
        return sum;
    }

    private static SliceDetail DetailOf(Evaluation.Slice slice) => new(Given(slice.Counts), Given(slice.Sums), Given(slice.Scores), Given(slice.Labels), slice.Rows);

    private static ImmutableArray<T> Given<T>(ImmutableArray<T> array) => array.IsDefault ? [] : array;

    private bool IsBusy(WorkerId worker)
    {
        for (int i = 0; i < found.Length; i++)
            if (found[i] is null && owner[i] == worker) return true;
        return false;
    }

    private bool IsOpen(int slice) => found[slice] is null && owner[slice] is null;
}
