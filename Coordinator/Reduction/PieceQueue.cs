using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// The pieces of <c>async</c> in order, each handed out once; those of a worker that is lost are handed out again. Steps at the horizon and beyond are held back.
/// </summary>
public sealed class PieceQueue<TWorker> where TWorker : notnull
{
    private readonly JobPlan plan;
    private readonly HashSet<(long Step, int Leaf)> ahead;
    private readonly Dictionary<TWorker, List<(long Step, int Leaf)>> handedOut = [];
    private readonly Queue<(long Step, int Leaf)> returned = new();
    private readonly SortedDictionary<long, int> left = [];
    private readonly long begun;
    private long step;
    private int leaf;

    /// <summary>Makes the queue.</summary>
    /// <param name="plan">The job's schedule.</param>
    /// <param name="start">The first step whose pieces are not all in the weights.</param>
    /// <param name="applied">Pieces of that step and later ones that are; null for none.</param>
    public PieceQueue(JobPlan plan, long start, IEnumerable<(long Step, int Leaf)>? applied = null)
    {
        (this.plan, step) = (plan, start);
        ahead = [.. applied ?? []];
        foreach (var (one, _) in ahead)
        {
            Applied(one);
            begun = Math.Max(begun, one + 1);
        }
    }

    /// <summary>One past the last step that may be handed out.</summary>
    public long Horizon { get; set; }

    /// <summary>One past the last step of which a piece was handed out.</summary>
    public long Begun => Math.Max(begun, leaf > 0 ? step + 1 : step);

    /// <summary>The pieces that a worker has and whose gradients are not complete yet.</summary>
    public IReadOnlyList<(long Step, int Leaf)> Of(TWorker worker) => handedOut.TryGetValue(worker, out var pieces) ? pieces : [];

    /// <summary>Hands out the next piece; false when there is none below the horizon.</summary>
    public bool TryHandOut(TWorker worker, out (long Step, int Leaf) piece)
    {
        if (!returned.TryDequeue(out piece) && !TryNext(out piece)) return false;
        if (!handedOut.TryGetValue(worker, out var pieces)) handedOut.Add(worker, pieces = []);
        pieces.Add(piece);
        return true;
    }

    /// <summary>Whether a worker has a piece whose gradient is not complete yet.</summary>
    public bool Has(TWorker worker, long step, int leaf) => handedOut.TryGetValue(worker, out var pieces) && pieces.Contains((step, leaf));

    /// <summary>A worker's gradient of a piece is complete: it is to be applied, and nobody else's will be. False when the worker does not have the piece.</summary>
    public bool Take(TWorker worker, long step, int leaf) => handedOut.TryGetValue(worker, out var pieces) && pieces.Remove((step, leaf));

    /// <summary>A piece is in the weights; whether it was the last one of its step.</summary>
    public bool Applied(long step)
    {
        if (!left.TryGetValue(step, out int rest)) left[step] = rest = Enumerable.Range(0, plan.Pieces).Count(i => plan.Piece(step, i).Count > 0);
        left[step] = rest - 1;
        return rest == 1;
    }

    /// <summary>The next step in order is fully applied: forget it.</summary>
    public bool TryFinish(long step)
    {
        if (!left.TryGetValue(step, out int rest) || rest > 0) return false;
        left.Remove(step);
        return true;
    }

    /// <summary>A worker is lost: its pieces are handed out again.</summary>
    public void Lose(TWorker worker)
    {
        if (!handedOut.Remove(worker, out var pieces)) return;
        foreach (var piece in pieces) returned.Enqueue(piece);
    }

    private bool TryNext(out (long Step, int Leaf) piece)
    {
        piece = default;
        while (step < Math.Min(Horizon, plan.TotalSteps))
        {
            var next = (step, leaf);
            if (++leaf == plan.Pieces) (step, leaf) = (step + 1, 0);
            if (plan.Piece(next.step, next.leaf).Count == 0 || ahead.Remove(next)) continue;
            piece = next;
            return true;
        }
        return false;
    }
}
