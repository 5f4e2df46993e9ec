using System.Collections.Immutable;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>
/// What a worker does next, as a function of what it has heard: the newest assignment, the horizon, which versions of the buckets are here, and what it has already computed. Orders may come late, twice or out of order.
/// </summary>
internal sealed class WorkerProgress
{
    private readonly JobPlan plan;
    private readonly ClockPlan clocks;
    private readonly bool isAsync;
    private readonly int staleness;
    private readonly Queue<(long Step, int Leaf)> granted = new();
    private readonly WeightVersions versions;
    private readonly (long Step, bool[] Leaves)[] computed;
    private readonly List<int> own = [];
    private WorkerId self;
    private long horizon, nextBefore, from;
    private bool halted;

    public WorkerProgress(JobPlan plan, Consistency consistency, int buckets)
    {
        this.plan = plan;
        clocks = new ClockPlan(plan, consistency);
        isAsync = consistency is Consistency.Async;
        staleness = consistency.StalenessBound;
        versions = new WeightVersions(buckets, staleness + 2);
        computed = new (long, bool[])[staleness + 2];
        for (int i = 0; i < computed.Length; i++) computed[i] = (-1, new bool[plan.Pieces]);
    }

    /// <summary>The newest version of which every bucket is here; −1 before the first.</summary>
    public long Version => versions.Whole;

    /// <summary>Which versions of which buckets are here.</summary>
    public WeightVersions Versions => versions;

    /// <summary>One past the last step that was begun.</summary>
    public long Next { get; private set; }

    /// <summary>The newest assignment heard of.</summary>
    public Revision AssignmentRevision { get; private set; }

    /// <summary>The newest horizon (or halt) heard of.</summary>
    public Revision HorizonRevision { get; private set; }

    /// <summary>Begins again under another name or term; what was computed stays known in the same term, unless it is to be forgotten.</summary>
    public void Join(WorkerId worker, bool newTerm, bool forgets = false)
    {
        self = worker;
        own.Clear();
        AssignmentRevision = default;
        HorizonRevision = default;
        horizon = 0;
        halted = false;
        from = 0;
        granted.Clear();
        if (newTerm || forgets)
            for (int i = 0; i < computed.Length; i++) computed[i].Step = -1;
        if (!newTerm) return;
        versions.Clear();
        Next = 0;
    }

    public void Heard(Schedule.Assignment order)
    {
        if (order.Revision.CompareTo(AssignmentRevision) <= 0) return;
        AssignmentRevision = order.Revision;
        from = order.From;
        own.Clear();
        for (int shard = 0; shard < order.Owners.Length; shard++)
            if (order.Owners[shard] == self) own.Add(shard);
    }

    public void Heard(Schedule.Horizon order)
    {
        if (order.Revision.CompareTo(HorizonRevision) <= 0) return;
        HorizonRevision = order.Revision;
        horizon = order.Until;
        halted = false;
    }

    public void Heard(Schedule.Halt order)
    {
        if (order.Revision.CompareTo(HorizonRevision) <= 0) return;
        HorizonRevision = order.Revision;
        halted = true;
    }

    /// <summary>
    /// The next leaves to compute: of the first step, from the newest version's on, of which this worker owns leaves that it has not computed.
    /// </summary>
    public bool TryNext(out long step, out ImmutableArray<int> leaves)
    {
        leaves = [];
        step = Version;
        if (isAsync) return TryNextGranted(out step, out leaves);
        return Version >= 0 && TryOwned(Version, ref step, out leaves);
    }

    /// <summary>The next leaves to compute on the version after the newest whole one, of which the bucket that is read first is here and others may be missing; for when <see cref="TryNext"/> finds none.</summary>
    public bool TryNextEarly(int first, out long step, out ImmutableArray<int> leaves)
    {
        (step, leaves) = (Version + 1, []);
        if (isAsync || Version < 0 || versions.Newest[first] != Version + 1) return false;
        // What a newer version has passed over does not come any more.
        foreach (long other in versions.Newest)
            if (other > Version + 1) return false;
        return TryOwned(Version + 1, ref step, out leaves);
    }

    private bool TryOwned(long version, ref long step, out ImmutableArray<int> leaves)
    {
        leaves = [];
        if (own.Count == 0) return false;
        step = Math.Max(step, from);
        for (long end = EndOn(version); step < end; step++)
        {
            leaves = Owned(step);
            if (!leaves.IsEmpty) return true;
        }
        return false;
    }

    /// <summary>One past the last step that may be computed on a version.</summary>
    private long EndOn(long version) => Math.Min(halted ? Math.Min(Next, horizon) : horizon, version + staleness + 1);

    /// <summary>The leaves that this worker owns, each with the next clock that it is to compute of it, whether the horizon reaches there or not; at the run's end the clock that would follow.</summary>
    public IEnumerable<(int Leaf, long Clock)> Upcoming()
    {
        if (Version < 0) yield break;
        long begin = Math.Max(Version, from), end = Math.Min(Math.Max(Version + staleness, from) + 1, clocks.Count);
        foreach (int shard in own)
        {
            for (int leaf = shard * plan.Accumulate; leaf < (shard + 1) * plan.Accumulate; leaf++)
            {
                long clock = begin;
                while (clock < end && (ComputedOf(clock)[leaf] || clocks.Samples(clock, leaf) == 0)) clock++;
                if (clock < end || end == clocks.Count) yield return (leaf, clock);
            }
        }
    }

    /// <summary>Under <c>async</c>, a piece was handed to this worker; whether it was not known yet.</summary>
    public bool Granted(long step, int leaf)
    {
        if (granted.Contains((step, leaf))) return false;
        granted.Enqueue((step, leaf));
        return true;
    }

    /// <summary>Pieces that were handed to this worker and that it has not begun.</summary>
    public int GrantedCount => granted.Count;

    private bool TryNextGranted(out long step, out ImmutableArray<int> leaves)
    {
        (step, leaves) = (0, []);
        if (Version < 0 || !granted.TryPeek(out var next)) return false;
        (step, leaves) = (next.Step, [next.Leaf]);
        return true;
    }

    /// <summary>Whether a step that others own leaves of may be computed here too.</summary>
    public bool MayHelpWith(long step) => Version >= 0 && step >= Version && step < EndOn(Version);

    /// <summary>Whether a leaf of a step in flight was not computed here.</summary>
    public bool Lacks(long step, int leaf) => !ComputedOf(step)[leaf];

    /// <summary>The leaves are being computed.</summary>
    public void Begin(long step, ImmutableArray<int> leaves)
    {
        nextBefore = Next;
        Next = Math.Max(Next, step + 1);
        if (isAsync)
        {
            granted.Dequeue();
            return;
        }
        bool[] done = ComputedOf(step);
        foreach (int leaf in leaves) done[leaf] = true;
    }

    /// <summary>What was begun last was given up, and nothing of it is known to anybody: as if it had not been begun.</summary>
    public void Withdraw(long step, ImmutableArray<int> leaves)
    {
        Next = nextBefore;
        bool[] done = ComputedOf(step);
        foreach (int leaf in leaves) done[leaf] = false;
    }

    private ImmutableArray<int> Owned(long step)
    {
        bool[] done = ComputedOf(step);
        ImmutableArray<int>.Builder? builder = null;
        foreach (int shard in own)
        {
            for (int leaf = shard * plan.Accumulate; leaf < (shard + 1) * plan.Accumulate; leaf++)
                if (!done[leaf] && clocks.Samples(step, leaf) > 0) (builder ??= ImmutableArray.CreateBuilder<int>()).Add(leaf);
        }
        return builder?.ToImmutable() ?? [];
    }

    private bool[] ComputedOf(long step)
    {
        ref var slot = ref computed[step % computed.Length];
        if (slot.Step != step)
        {
            slot.Step = step;
            Array.Clear(slot.Leaves);
        }
        return slot.Leaves;
    }
}
