using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>The slices of one evaluation: handed to workers in runs, handed on when a worker is lost, summed in slice order whoever computed them.</summary>
public sealed class EvaluationBoard(long version, int slices)
{
    private readonly Evaluation.Slice?[] found = new Evaluation.Slice?[slices];
    private readonly WorkerId?[] owner = new WorkerId?[slices];
    private int left = slices;

    /// <summary>The version of the weights that is evaluated.</summary>
    public long Version => version;

    /// <summary>Whether all slices are in.</summary>
    public bool IsComplete => left == 0;

    /// <summary>Hands all slices that nobody works at to the given workers; one run of slices each at most.</summary>
    public IEnumerable<(WorkerId Worker, int First, int Count)> HandOut(IReadOnlyList<WorkerId> workers)
    {
        var orders = new List<(WorkerId, int, int)>();
        int open = 0;
        for (int i = 0; i < found.Length; i++)
            if (IsOpen(i)) open++;
        if (open == 0 || workers.Count == 0) return orders;
        int share = (open + workers.Count - 1) / workers.Count, worker = 0;
        for (int i = 0; i < found.Length && worker < workers.Count; i++)
        {
            if (!IsOpen(i)) continue;
            int first = i;
            while (i < found.Length && IsOpen(i) && i - first < share) owner[i++] = workers[worker];
            orders.Add((workers[worker++], first, i - first));
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
            left--;
        }
        // A worker's answer ends its run: what it was handed and did not report is open again.
        Free(report.Worker);
    }

    /// <summary>The sum in slice order; needs all slices.</summary>
    public MetricSum Sum()
    {
        var sum = new MetricSum();
        foreach (var slice in found)
            if (slice is { } s) sum.Add(new EvaluationResult(s.Samples, s.Denominator, s.LossSum, s.Correct, s.Counted));
        return sum;
    }

    private bool IsOpen(int slice) => found[slice] is null && owner[slice] is null;
}
