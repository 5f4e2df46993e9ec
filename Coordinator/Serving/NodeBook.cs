using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Serving;

/// <summary>The nodes that passed the gate: their names, when each was heard last, and, once the job is over, who has yet to hear of that.</summary>
internal sealed class NodeBook
{
    /// <summary>A node that was lost is given up when it has been quiet for so long, and for at least <see cref="Grace"/> after the end: one that only hung asks again within a second.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5), Grace = TimeSpan.FromSeconds(1), Namesake = TimeSpan.FromSeconds(3), Asking = TimeSpan.FromMinutes(1);

    private readonly Dictionary<Address, Node> nodes = [];
    private readonly Dictionary<Address, Incarnation> passed = [];
    private readonly Dictionary<Address, TimeSpan> asked = [];
    private TimeSpan end = TimeSpan.MaxValue;

    /// <summary>All of them.</summary>
    public IReadOnlyCollection<Address> Addresses => nodes.Keys;

    /// <summary>A node passed the gate.</summary>
    public void Admit(Address node, Incarnation life, string name, TimeSpan now)
    {
        passed[node] = life;
        nodes[node] = new Node(life, name, now, IsLost: false);
    }

    /// <summary>How many addresses are kept in mind, for whatever reason: those of nodes that have gone must not add up.</summary>
    public int Remembered => nodes.Keys.Union(passed.Keys).Union(asked.Keys).Count();

    /// <summary>Whether a node passed the gate in this lifetime and has not left the cluster since, be it gone from the job or not.</summary>
    public bool HasPassed(Address node, Incarnation life) => passed.TryGetValue(node, out var known) && known == life;

    /// <summary>Whether a node passed the gate in another lifetime than this one, and has not gone since.</summary>
    public bool HasOther(Address node, Incarnation life) => nodes.TryGetValue(node, out var known) && known.Life != life;

    /// <summary>Whether a node passed the gate and has not gone.</summary>
    public bool Knows(Address node) => nodes.ContainsKey(node);

    /// <summary>A node was heard; false for one that is not known.</summary>
    public bool Heard(Address node, TimeSpan now)
    {
        if (!nodes.TryGetValue(node, out var known)) return false;
        nodes[node] = known with { Heard = now, IsLost = false };
        return true;
    }

    /// <summary>A node is silent, or its channel broke: perhaps it is gone.</summary>
    public void Lose(Address node)
    {
        if (nodes.TryGetValue(node, out var known)) nodes[node] = known with { IsLost = true };
    }

    /// <summary>A node has gone from the job for good; the cluster may not have heard of that yet.</summary>
    public void Forget(Address node) => nodes.Remove(node);

    /// <summary>A node has gone from job and cluster.</summary>
    public void Leave(Address node)
    {
        Forget(node);
        passed.Remove(node);
        asked.Remove(node);
    }

    /// <summary>A node's name; its address where it is not known.</summary>
    public string NameOf(Address node) => nodes.TryGetValue(node, out var known) ? known.Name : node.ToString();

    /// <summary>The addresses that go under a name.</summary>
    public IEnumerable<Address> Named(string name) => nodes.Where(node => node.Value.Name == name).Select(node => node.Key);

    /// <summary>
    /// Whether another node of a name stands in the way of one that asks to pass. It does until it is known to be gone, or has been quiet for <see cref="Namesake"/>; one that was heard since it was first asked about is alive.
    /// </summary>
    /// <param name="node">Who asks.</param>
    /// <param name="name">Its name.</param>
    /// <param name="now">The time.</param>
    /// <param name="isAlive">Whether the other one is there for certain.</param>
    public bool IsTaken(Address node, string name, TimeSpan now, out bool isAlive)
    {
        isAlive = false;
        // Who asked and was never answered has gone.
        foreach (var (gone, _) in asked.Where(one => now - one.Value > Asking).ToList()) asked.Remove(gone);
        var other = nodes.FirstOrDefault(known => known.Value.Name == name && !known.Value.IsLost && !known.Key.Equals(node));
        if (other.Key is null || now - other.Value.Heard >= Namesake)
        {
            asked.Remove(node);
            return false;
        }
        asked.TryAdd(node, now);
        isAlive = other.Value.Heard > asked[node];
        if (isAlive) asked.Remove(node);
        return true;
    }

    /// <summary>How long nothing was heard of a node; zero for one that is not known.</summary>
    public TimeSpan SilenceOf(Address node, TimeSpan now) => nodes.TryGetValue(node, out var known) ? now - known.Heard : TimeSpan.Zero;

    /// <summary>The job is over.</summary>
    public void End(TimeSpan now) => end = now;

    /// <summary>Those who have yet to hear of the job's end; whoever was lost before and does not speak up is given up.</summary>
    public IReadOnlyList<Address> YetToHear(TimeSpan now)
    {
        foreach (var (address, node) in nodes.ToList())
            if (node.IsLost && now - end >= Grace && now - node.Heard >= Quiet) nodes.Remove(address);
        return [.. nodes.Keys];
    }

    private readonly record struct Node(Incarnation Life, string Name, TimeSpan Heard, bool IsLost);
}
