using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// Workers that go by themselves and stay until others have the states of their leaves. Who needs a state says so in every tick; who leaves does too.
/// </summary>
internal sealed class LeavingWorkers
{
    /// <summary>Ticks without a word after which a worker is gone, or a state needed by nobody.</summary>
    public const int Patience = 5;

    private readonly Dictionary<WorkerId, Leaver> workers = [];

    /// <summary>The workers.</summary>
    public IEnumerable<Member> Members => workers.Values.Select(leaver => leaver.Member);

    /// <summary>A worker begins to leave.</summary>
    public void Add(Member member, IEnumerable<int> leaves) => workers[member.Id] = new Leaver(member, leaves);

    /// <summary>Whether a worker is leaving.</summary>
    public bool Contains(WorkerId worker) => workers.ContainsKey(worker);

    /// <summary>A worker says that it is still there; whether it is on its way out.</summary>
    public bool Heard(WorkerId worker)
    {
        if (!workers.TryGetValue(worker, out var leaver)) return false;
        leaver.Silence = 0;
        return true;
    }

    /// <summary>Somebody needs a leaf's state.</summary>
    public void Needed(int leaf)
    {
        foreach (var leaver in workers.Values)
            if (leaver.Leaves.ContainsKey(leaf)) leaver.Leaves[leaf] = 0;
    }

    /// <summary>A leaf's state is where it is needed.</summary>
    public void Release(int leaf)
    {
        foreach (var leaver in workers.Values) leaver.Leaves.Remove(leaf);
    }

    /// <summary>An actor has stopped; gives its worker, if that was leaving.</summary>
    public WorkerId? Remove(IActorRef actor)
    {
        foreach (var (worker, leaver) in workers)
        {
            if (!leaver.Member.Actor.Equals(actor)) continue;
            workers.Remove(worker);
            return worker;
        }
        return null;
    }

    /// <summary>A tick has passed. Gives the workers that have gone without waiting.</summary>
    public IReadOnlyList<WorkerId> Tick()
    {
        foreach (var leaver in workers.Values)
        {
            leaver.Silence++;
            foreach (var (leaf, quiet) in leaver.Leaves.ToList())
            {
                if (quiet >= Patience) leaver.Leaves.Remove(leaf);
                else leaver.Leaves[leaf] = quiet + 1;
            }
        }
        List<WorkerId> gone = [.. workers.Where(entry => entry.Value.Silence > Patience).Select(entry => entry.Key)];
        foreach (var worker in gone) workers.Remove(worker);
        return gone;
    }

    /// <summary>Strikes off the workers of which nobody needs anything.</summary>
    public IReadOnlyList<Member> TakeFree()
    {
        List<Member> free = [.. workers.Values.Where(leaver => leaver.Leaves.Count == 0).Select(leaver => leaver.Member)];
        foreach (var member in free) workers.Remove(member.Id);
        return free;
    }

    private sealed class Leaver(Member member, IEnumerable<int> leaves)
    {
        public Member Member { get; } = member;

        /// <summary>Its leaves that may still be needed, and for how many ticks nobody has asked for them.</summary>
        public Dictionary<int, int> Leaves { get; } = leaves.ToDictionary(leaf => leaf, _ => 0);

        /// <summary>Ticks since its last word.</summary>
        public int Silence { get; set; }
    }
}
