using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>A worker that takes part.</summary>
public sealed record Member(WorkerId Id, string Name, Incarnation Incarnation, int ProcessId, IActorRef Actor);

/// <summary>The workers that take part, in the order in which they joined.</summary>
public sealed class Roster
{
    private readonly SortedDictionary<int, Member> members = [];
    private int next;

    /// <summary>How many take part.</summary>
    public int Count => members.Count;

    /// <summary>Those who take part, oldest first.</summary>
    public IEnumerable<Member> Members => members.Values;

    /// <summary>Their ids, oldest first.</summary>
    public ImmutableArray<WorkerId> Ids => [.. members.Values.Select(member => member.Id)];

    /// <summary>Takes a worker in, under a number that was never used before.</summary>
    public Member Add(Membership.Join join, IActorRef actor)
    {
        var member = new Member(new WorkerId(next++), join.Name, join.Incarnation, join.ProcessId, actor);
        members.Add(member.Id.Value, member);
        return member;
    }

    /// <summary>Strikes a worker off; null when it was not on the roster.</summary>
    public Member? Remove(WorkerId worker, Incarnation incarnation)
    {
        if (Find(worker, incarnation) is not { } member) return null;
        members.Remove(worker.Value);
        return member;
    }

    /// <summary>The worker of this number and lifetime; null when it does not take part.</summary>
    public Member? Find(WorkerId worker, Incarnation incarnation) =>
        members.TryGetValue(worker.Value, out var member) && member.Incarnation == incarnation ? member : null;

    /// <summary>The worker of this name; null when it does not take part.</summary>
    public Member? Find(string name) => members.Values.FirstOrDefault(member => member.Name == name);

    /// <summary>The worker behind this actor; null when it does not take part.</summary>
    public Member? Find(IActorRef actor) => members.Values.FirstOrDefault(member => member.Actor.Equals(actor));
}
