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
            if (leaver.Leaves.TryGetValue(leaf, out var kept)) kept.Quiet = 0;
    }

    /// <summary>A leaf's state after a clock is where it was needed: who has none newer is not needed for it any more. Who asked may have been behind, and ask for a newer one next.</summary>
    public void Arrived(int leaf, long after)
    {
        foreach (var leaver in workers.Values)
        {
            if (!leaver.Leaves.TryGetValue(leaf, out var kept)) continue;
            kept.Arrived = Math.Max(kept.Arrived, after);
            if (kept.Arrived >= kept.Newest) leaver.Leaves.Remove(leaf);
        }
    }

    /// <summary>A worker says which state of a leaf is the newest that it has.</summary>
    public void Answered(WorkerId worker, int leaf, long newest)
    {
        if (!workers.TryGetValue(worker, out var leaver) || !leaver.Leaves.TryGetValue(leaf, out var kept)) return;
        kept.Newest = newest;
        if (kept.Arrived >= newest) leaver.Leaves.Remove(leaf);
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
            foreach (var (leaf, kept) in leaver.Leaves.ToList())
            {
                if (kept.Quiet++ >= Patience) leaver.Leaves.Remove(leaf);
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

        /// <summary>Its leaves that may still be needed.</summary>
        public Dictionary<int, Kept> Leaves { get; } = leaves.ToDictionary(leaf => leaf, _ => new Kept());

        /// <summary>Ticks since its last word.</summary>
        public int Silence { get; set; }
    }

    private sealed class Kept
    {
        /// <summary>Ticks that nobody has asked for it.</summary>
        public int Quiet { get; set; }

        /// <summary>The clock of the newest state that its worker has; unknown before it has said so.</summary>
        public long Newest { get; set; } = long.MaxValue;

        /// <summary>The clock of the newest state that has arrived where it was needed.</summary>
        public long Arrived { get; set; } = long.MinValue;
    }
}
