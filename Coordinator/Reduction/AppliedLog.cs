using System.Collections.Immutable;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Reduction;

/// <summary>The steps that a server has applied and the coordinator may not know yet, with what their pieces found.</summary>
internal sealed class AppliedLog(Term term, ServerId server, long start)
{
    private readonly Queue<Progress.Applied> unknown = new();
    private readonly Queue<(long Step, ImmutableArray<Gradients.Leaf> Leaves, double Norm, bool Skipped, long Version)> found = new();
    private long applied = start;

    /// <summary>What the head's first bucket knows of a step, before the other buckets are done.</summary>
    public void Found(long step, ImmutableArray<Gradients.Leaf> leaves, double norm, bool skipped, long version) => found.Enqueue((step, leaves, norm, skipped, version));

    /// <summary>All buckets have reached <paramref name="version"/>; the report of the step that is now complete, if any.</summary>
    public Progress.Applied? Advance(long version)
    {
        if (version <= applied) return null;
        var (leaves, norm, skipped, weights) = (ImmutableArray<Gradients.Leaf>.Empty, double.NaN, false, applied + 1);
        if (found.TryPeek(out var known) && known.Step == applied) (_, leaves, norm, skipped, weights) = found.Dequeue();
        var report = new Progress.Applied(term, server, applied, leaves, norm, skipped, weights);
        unknown.Enqueue(report);
        applied++;
        return report;
    }

    /// <summary>Everything below <paramref name="step"/> is known; the reports from there on.</summary>
    public IEnumerable<Progress.Applied> From(long step)
    {
        while (unknown.TryPeek(out var oldest) && oldest.Step < step) unknown.Dequeue();
        return unknown;
    }
}
