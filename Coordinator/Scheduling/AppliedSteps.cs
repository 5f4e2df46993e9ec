using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Which steps all servers have applied, from reports that may come twice, out of order or not at all.</summary>
public sealed class AppliedSteps(int servers, long start)
{
    private readonly long[] next = [.. Enumerable.Repeat(start, servers)];
    private readonly Queue<Progress.Applied> fromHead = new();

    /// <summary>What to do about a report.</summary>
    public enum Verdict
    {
        /// <summary>It was counted.</summary>
        Counted,

        /// <summary>It was known.</summary>
        Known,

        /// <summary>An earlier one of the same server is missing: ask for it.</summary>
        Gap,
    }

    /// <summary>One past the last step that every server has applied.</summary>
    public long Complete { get; private set; } = start;

    /// <summary>The first step that a server's report is missing of.</summary>
    public long NextOf(ServerId server) => next[server.Value];

    /// <summary>Counts a report.</summary>
    public Verdict Heard(Progress.Applied report)
    {
        if ((uint)report.Server.Value >= (uint)next.Length || report.Step < next[report.Server.Value]) return Verdict.Known;
        if (report.Step > next[report.Server.Value]) return Verdict.Gap;
        next[report.Server.Value]++;
        if (report.Server == ServerId.Head) fromHead.Enqueue(report);
        return Verdict.Counted;
    }

    /// <summary>The next step that every server has applied, with the head's report of it.</summary>
    public bool TryComplete(out Progress.Applied head)
    {
        head = null!;
        if (next.Min() <= Complete) return false;
        head = fromHead.Dequeue();
        Complete++;
        return true;
    }
}
