using System.Collections.Immutable;

namespace DistTrain.Coordinator.Standby;

/// <summary>
/// The primary's half of the rule by which two coordinators without a shared folder never both reign. A standby takes over only with the promises of more than half of the members that it knows of; so the primary may go on only while it
/// can count on more than half of whatever members the standby may know of: those that it took last, and those on their way to it. Times are a clock's timestamps.
/// </summary>
internal sealed class Quorum
{
    private readonly List<(long Number, ImmutableArray<Guid> Members)> standing = [];
    private readonly Dictionary<Guid, long> countsUntil = [];
    private readonly HashSet<Guid> lost = [];
    private long number, taken;

    /// <summary>Starts with nobody.</summary>
    /// <param name="isUnsure">Whether a standby may know members of an earlier process: nothing goes on until that is settled.</param>
    public Quorum(bool isUnsure) => IsUnsure = isUnsure;

    /// <summary>Whether a standby may know members that this process does not.</summary>
    public bool IsUnsure { get; private set; }

    /// <summary>Whether a standby may take over, with whatever members.</summary>
    public bool IsWatched => standing.Count > 0;

    /// <summary>A worker can be counted on until then.</summary>
    public void Count(Guid worker, long until)
    {
        lost.Remove(worker);
        countsUntil[worker] = Math.Max(until, countsUntil.GetValueOrDefault(worker));
    }

    /// <summary>A worker has gone: the next members are without it. What it promised holds all the same.</summary>
    public void Lose(Guid worker)
    {
        if (countsUntil.ContainsKey(worker)) lost.Add(worker);
    }

    /// <summary>The standby knows of no members: it has begun anew, or stands by no longer.</summary>
    public void Void()
    {
        standing.Clear();
        IsUnsure = false;
    }

    /// <summary>The members to tell the standby, again until it has taken them; others only then. They count from now on.</summary>
    public (long Number, ImmutableArray<Guid> Members) Propose(long now)
    {
        if (IsWatched && standing[^1].Number > taken) return standing[^1];
        ImmutableArray<Guid> present = [.. countsUntil.Where(worker => worker.Value > now && !lost.Contains(worker.Key)).Select(worker => worker.Key).Order()];
        if (!IsWatched || !standing[^1].Members.AsSpan().SequenceEqual(present.AsSpan())) standing.Add((++number, present));
        return standing[^1];
    }

    /// <summary>How many workers are kept in mind.</summary>
    public int Known => countsUntil.Count;

    /// <summary>Forgets workers that cannot be counted on any more and that no standby may know of; to be called now and then, also where there is no standby.</summary>
    public void Forget(long now)
    {
        foreach (var gone in countsUntil.Where(worker => worker.Value <= now && !standing.Any(known => known.Members.Contains(worker.Key))).Select(worker => worker.Key).ToList())
        {
            countsUntil.Remove(gone);
            lost.Remove(gone);
        }
    }

    /// <summary>The standby goes by these members from now on, and by none before.</summary>
    public void Taken(long which)
    {
        if (which <= taken || which > number) return;
        taken = which;
        standing.RemoveAll(known => known.Number < which);
    }

    /// <summary>Until when this coordinator may go on, as far as is known now; the end of time where no standby may take over.</summary>
    public long Until()
    {
        if (IsUnsure) return 0;
        long until = long.MaxValue;
        foreach (var (_, members) in standing) until = Math.Min(until, UntilHalfIsLost(members));
        return until;
    }

    /// <summary>How many of the members that the standby may know of can be counted on now, and of how many: where it is closest.</summary>
    public (int Counted, int Members) Held(long now)
    {
        if (!IsWatched) return (0, 0);
        var closest = standing.MinBy(known => UntilHalfIsLost(known.Members)).Members;
        return (closest.Count(worker => countsUntil.GetValueOrDefault(worker) > now), closest.Length);
    }

    private long UntilHalfIsLost(ImmutableArray<Guid> members)
    {
        // Nobody can promise anything to a standby that knows of no worker.
        if (members.IsEmpty) return long.MaxValue;
        long[] ends = [.. members.Select(worker => countsUntil.GetValueOrDefault(worker)).OrderDescending()];
        return ends[members.Length / 2];
    }
}
