using System.Collections.Immutable;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>The orders in force: who owns which shard, and how far to train. Each new one has a higher revision, so workers sort out what comes late.</summary>
public sealed class RunOrders(Term term, int shards)
{
    private readonly Dictionary<WorkerId, long> halted = [];
    private Schedule.Assignment? assignment;
    private IProtocolMessage? reach;
    private Revision reachRevision;
    private long reached, begun;

    /// <summary>Workers may compute the steps below it; while they halt, what is known to be applied.</summary>
    public long Horizon { get; private set; }

    /// <summary>Whether workers were told to halt, and not yet how far to go on.</summary>
    public bool IsHalting => reach is Schedule.Halt;

    /// <summary>Hands the shards to these workers.</summary>
    public Schedule.Assignment Assign(ImmutableArray<WorkerId> workers) => Order(ShardAssignment.Contiguous(workers, shards), assignment?.From ?? 0);

    /// <summary>Hands the shards of workers that are gone to these, who keep their own.</summary>
    public Schedule.Assignment AssignOrphans(ImmutableArray<WorkerId> workers) =>
        assignment is null ? Assign(workers) : Order(ShardAssignment.Keeping(assignment.Owners, workers), assignment.From);

    /// <summary>Hands the shards to these workers evenly, of which few change hands; everything below a clock is in the weights.</summary>
    public Schedule.Assignment AssignEvenly(ImmutableArray<WorkerId> workers, long from) =>
        Order(assignment is null ? ShardAssignment.Contiguous(workers, shards) : ShardAssignment.Level(assignment.Owners, workers), from);

    /// <summary>Whether these workers own the shards, and none has more than one more than another.</summary>
    public bool IsEven(ImmutableArray<WorkerId> workers) => assignment is not null && ShardAssignment.Level(assignment.Owners, workers).SequenceEqual(assignment.Owners);

    private Schedule.Assignment Order(ImmutableArray<WorkerId> owners, long from) =>
        assignment = new Schedule.Assignment(term, (assignment?.Revision ?? default).Next(), owners, from);

    /// <summary>Lets workers compute the steps below <paramref name="until"/>.</summary>
    public Schedule.Horizon Until(long until)
    {
        Horizon = until;
        reached = Math.Max(reached, until);
        reachRevision = reachRevision.Next();
        var order = new Schedule.Horizon(term, reachRevision, until);
        reach = order;
        return order;
    }

    /// <summary>Has workers begin no further step and say how far they are.</summary>
    public Schedule.Halt Halt(long applied)
    {
        Horizon = applied;
        halted.Clear();
        reachRevision = reachRevision.Next();
        var order = new Schedule.Halt(term, reachRevision);
        reach = order;
        return order;
    }

    /// <summary>A worker says how far it is.</summary>
    public void Heard(Schedule.Halted answer)
    {
        if (answer.Revision == reachRevision) halted[answer.Worker] = answer.Next;
    }

    /// <summary>One past the furthest step that was begun, once all of these workers have answered; else null.</summary>
    public long? AgreedEnd(ImmutableArray<WorkerId> workers) =>
        workers.All(halted.ContainsKey) ? halted.Values.Append(Horizon).Append(begun).Max() : null;

    /// <summary>The orders that a worker with these revisions has not heard.</summary>
    public IEnumerable<IProtocolMessage> NewerThan(Revision assigned, Revision reached)
    {
        if (assignment is not null && assignment.Revision.CompareTo(assigned) > 0) yield return assignment;
        // A halt is repeated until a horizon follows: the answer may be what was lost.
        if (reach is not null && (reachRevision.CompareTo(reached) > 0 || reach is Schedule.Halt)) yield return reach;
    }

    /// <summary>The shards that a worker owns.</summary>
    public ImmutableArray<int> ShardsOf(WorkerId worker) =>
        assignment is null ? [] : [.. Enumerable.Range(0, assignment.Owners.Length).Where(shard => assignment.Owners[shard] == worker)];

    /// <summary>A worker is lost: what it said no longer holds anybody up. Of steps that it may have begun some buckets may be in the weights, so a run that is stopped ends them first.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="mayHaveBegun">One past the furthest step that it may have begun; 0 for none.</param>
    public void Forget(WorkerId worker, long mayHaveBegun)
    {
        halted.Remove(worker);
        begun = Math.Max(begun, Math.Min(mayHaveBegun, reached));
    }
}
