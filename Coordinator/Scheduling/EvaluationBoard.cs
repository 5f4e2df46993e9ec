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
    private readonly WorkerId[] by = new WorkerId[slices];
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

    /// <summary>Counts a report's slices, each once.</summary>
    public void Heard(Evaluation.Report report)
    {
        if (report.Version != version) return;
        foreach (var slice in report.Slices)
        {
            if ((uint)slice.Number >= (uint)found.Length || found[slice.Number] is not null) continue;
            found[slice.Number] = slice;
            by[slice.Number] = report.Worker;
            left--;
        }
        // A worker's answer ends its run: what it was handed and did not report is open again.
        Free(report.Worker);
    }

    /// <summary>The sum in slice order; needs all slices. Looks at every label and count: not for an actor's thread.</summary>
    /// <exception cref="UserErrorException">A slice cannot be right; the message names it and the worker that it is of.</exception>
    public MetricSum Sum()
    {
        foreach (var slice in found)
            if (slice is { } s && Refusal(s) is { } reason) throw new UserErrorException($"evaluation slice {s.Number} of worker {by[s.Number]} makes no sense: {reason}");
        var sum = new MetricSum(metrics);
        foreach (var slice in found)
            if (slice is { } s) sum.Add(new EvaluationResult(s.Samples, s.Denominator, s.LossSum, s.Correct, s.Counted, metrics.IsDetailed ? DetailOf(s) : null));
        return sum;
    }

    private string? Refusal(in Evaluation.Slice slice) =>
        slice.Samples is < 0 or > JobPlan.EvaluationSlice ? $"{slice.Samples} samples" : metrics.IsDetailed ? MetricTotals.Refusal(metrics, slice.Samples, DetailOf(slice)) : null;

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
