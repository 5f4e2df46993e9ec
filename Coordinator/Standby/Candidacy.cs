using DistTrain.Protocol;

namespace DistTrain.Coordinator.Standby;

/// <summary>
/// The standby's half of the rule: it takes over once more than half of the members that it took last have promised to follow no lower term. It asks only while nothing is heard of the primary; when the primary speaks again before that,
/// the promises are void and are given back, and the next term that it asks for is a higher one.
/// </summary>
/// <param name="lastAsked">The highest term that this process has asked for before.</param>
internal sealed class Candidacy(Term lastAsked)
{
    private readonly HashSet<Guid> members = [];
    private readonly HashSet<Guid> promised = [];
    private long number;

    /// <summary>The term that is asked for; null while none is.</summary>
    public Term? Asking { get; private set; }

    /// <summary>The highest term that was asked for.</summary>
    public Term LastAsked { get; private set; } = lastAsked;

    /// <summary>How many members it knows of.</summary>
    public int Members => members.Count;

    /// <summary>How many have promised.</summary>
    public int Promises => promised.Count;

    /// <summary>Whether more than half have promised.</summary>
    public bool IsElected => Asking is not null && 2 * promised.Count > members.Count;

    /// <summary>Goes by these members; older ones change nothing. Not to be called once elected.</summary>
    public void Take(long which, IEnumerable<Guid> workers)
    {
        GiveUp();
        if (which <= number) return;
        number = which;
        members.Clear();
        members.UnionWith(workers);
    }

    /// <summary>Begins to ask, for a term above that of the primary and all asked for before.</summary>
    public void Ask(Term reigning)
    {
        if (Asking is not null) return;
        LastAsked = new Term(Math.Max(reigning.Value, LastAsked.Value) + 1);
        Asking = LastAsked;
    }

    /// <summary>The primary speaks again: no promise counts any more.</summary>
    public void GiveUp()
    {
        Asking = null;
        promised.Clear();
    }

    /// <summary>A worker has promised; only members count, each once, and only for the term that is asked for.</summary>
    public void Hear(Term term, Guid worker)
    {
        if (term == Asking && members.Contains(worker)) promised.Add(worker);
    }
}
