using DistTrain.Protocol;

namespace DistTrain.Worker.Node;

/// <summary>
/// Whom a worker's process follows, over all of its lives. A coordinator that it has just heard of can count on it for a while, in which it promises nothing to a standby; once it has promised a standby to follow no lower term, it never
/// takes part under one again, unless that standby releases it. So of two coordinators never both count on it. A process that is started again is another one, to which nobody holds a promise.
/// </summary>
internal sealed class Allegiance(TimeProvider? time = null)
{
    private readonly TimeProvider time = time ?? TimeProvider.System;
    private readonly Lock gate = new();
    private readonly long origin = (time ?? TimeProvider.System).GetTimestamp();
    private string leader = "";
    private Term followed;
    private TimeSpan heldUntil;

    /// <summary>The process's number.</summary>
    public Guid Process { get; } = Guid.NewGuid();

    /// <summary>The line of jobs in which it follows somebody; empty for none yet.</summary>
    public Guid Line { get; private set; }

    /// <summary>The lowest term that it follows there.</summary>
    public Term Promised { get; private set; }

    private TimeSpan Now => time.GetElapsedTime(origin);

    /// <summary>Follows a coordinator, unless a promise forbids it.</summary>
    /// <param name="line">The line of its job.</param>
    /// <param name="term">Its term.</param>
    /// <param name="from">Where it is.</param>
    public bool TryFollow(Guid line, Term term, string from)
    {
        lock (gate)
        {
            if (line == Line && (term.CompareTo(Promised) < 0 || (term == Promised && leader.Length > 0 && leader != from))) return false;
            (Line, Promised, followed, leader) = (line, term, term, from);
            return true;
        }
    }

    /// <summary>The coordinator that it follows can count on it for so long from now on.</summary>
    public void Hold(TimeSpan period)
    {
        lock (gate)
        {
            var until = Now + period;
            if (until > heldUntil) heldUntil = until;
        }
    }

    /// <summary>Promises a standby to follow no lower term than its own would be; false while a coordinator may count on it, or where it has promised more already.</summary>
    public bool TryPromise(Guid line, Term term, string to)
    {
        lock (gate)
        {
            if (line != Line || Now < heldUntil) return false;
            if (term.CompareTo(Promised) < 0 || (term == Promised && leader != to)) return false;
            (Promised, leader) = (term, to);
            return true;
        }
    }

    /// <summary>A standby gives a promise back, which only the one that it was made to can do.</summary>
    public void Release(Guid line, Term term, string from)
    {
        lock (gate)
        {
            if (line == Line && term == Promised && leader == from && followed != term) (Promised, leader) = (followed, "");
        }
    }
}
