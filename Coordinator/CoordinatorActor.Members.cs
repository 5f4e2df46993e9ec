using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Coordinator.Serving;
using DistTrain.Protocol;

namespace DistTrain.Coordinator;

/// <content>Who takes part: workers that join, leave and are lost, and the shards that they own.</content>
public sealed partial class CoordinatorActor
{
    private void OnJoin(Membership.Join join)
    {
        string? refusal = !PlainText.IsName(join.Name) ? $"its name has to be of 1 to {PlainText.LongestName} printable characters"
            : join.Version != Membership.ProtocolVersion ? $"its protocol version is {join.Version}, the coordinator's is {Membership.ProtocolVersion}"
            : join.LayoutHash != setup.Buckets.Layout.Hash ? $"its model has layout {PlainText.Of(join.LayoutHash, 64)}, the job's has {setup.Buckets.Layout.Hash}"
            : null;
        if (refusal is not null)
        {
            setup.Observer(new RunEvent.Noted($"{PlainText.Of(join.Name, PlainText.LongestName)} (process {join.ProcessId}) is refused: {refusal}"));
            Sender.Tell(new Membership.NotTaken(refusal), Self);
            return;
        }
        var member = roster.Find(join.Name);
        if (member is not null && member.Incarnation != join.Incarnation)
        {
            Lose(member, 0);
            member = null;
        }
        if (phase == Phase.Ended) return;
        bool isNew = member is null;
        member ??= roster.Add(join, Sender);
        member.Actor.Tell(new Membership.Welcome(setup.Job, setup.Term, member.Id, member.Incarnation, setup.Servers), Self);
        if (!isNew) return;
        Context.Watch(member.Actor);
        setup.Observer(new RunEvent.WorkerJoined(member.Id, member.Name, member.Incarnation, member.ProcessId));
        if (phase == Phase.Ending) return;
        if (phase != Phase.Gathering) Share();
        else if (roster.Count >= setup.MinWorkers) Begin();
    }

    /// <summary>Hands the shards to those who take part, and has their slices evaluated.</summary>
    /// <param name="assign">Makes the assignment; null for contiguous ranges.</param>
    private void Reassign(Func<ImmutableArray<WorkerId>, Schedule.Assignment>? assign = null)
    {
        if (roster.Count == 0)
        {
            metrics.Pause(setup.Clock.Now);
            if (setup.WorkersMayJoin) setup.Observer(new RunEvent.Waiting(applied.Complete));
            else Fail("no worker is left");
            return;
        }
        if (phase == Phase.Training) metrics.Resume(setup.Clock.Now);
        advisor?.Changed();
        var assignment = assign?.Invoke(roster.Ids) ?? orders.Assign(roster.Ids);
        setup.Observer(new RunEvent.ShardsAssigned(assignment.Owners));
        Broadcast(assignment);
        HandOutSlices();
    }

    private void OnHeartbeat(Membership.Heartbeat beat)
    {
        if (roster.Find(beat.Worker, beat.Incarnation) is null || beat.Term != setup.Term)
        {
            Sender.Tell(new Membership.Rejoin(setup.Term), Self);
            return;
        }
        advisor?.Computed(beat.Worker, beat.ComputeMs);
        foreach (var order in orders.NewerThan(beat.Assignment, beat.Horizon)) Sender.Tell(order, Self);
    }

    private void OnTerminated(Terminated dead)
    {
        // A worker that leaves says so, then stops; that its end overtakes its word does not make it a loss.
        if (roster.Find(dead.ActorRef) is not null) Self.Tell(new Gone(dead.ActorRef));
        else if (setup.Servers.Contains(dead.ActorRef)) Fail(Defects.Tell("a parameter server stopped", dead.ActorRef));
        else residuals?.Gone(dead.ActorRef);
    }

    private void OnGone(IActorRef worker)
    {
        if (roster.Find(worker) is { } member) Lose(member, 0);
    }

    private void OnNodeLost(NodeLost node)
    {
        foreach (var member in roster.Members.Where(member => member.Actor.Path.Address == node.Node).ToList()) Lose(member, node.SilentMs);
    }

    private void OnLeave(Membership.Leave leave)
    {
        if (roster.Find(leave.Worker, leave.Incarnation) is not { } member)
        {
            // Said again: it asks whether others have what they need.
            Sender.Tell(residuals?.MustStay(leave.Worker) == true ? new Membership.Stay(setup.Term) : new Schedule.JobEnded(setup.Term, "released"), Self);
            return;
        }
        if (IsUnderWay)
        {
            departing.Add(member.Id);
            member.Actor.Tell(new Membership.Stay(setup.Term, Computes: true), Self);
            Rest();
            return;
        }
        Depart(member);
        AfterLoss();
    }

    /// <summary>A worker goes, and keeps what others need until they have it.</summary>
    private void Depart(Member member)
    {
        int pieces = setup.Plan.Accumulate;
        residuals?.Leave(member, orders.ShardsOf(member.Id).SelectMany(shard => Enumerable.Range(shard * pieces, pieces)));
        Strike(member, 0, left: true);
        if (residuals is not null) Context.Watch(member.Actor);
    }

    private void OnLost(WorkerId worker, Incarnation incarnation, double silentMs, bool left = false)
    {
        if (roster.Find(worker, incarnation) is { } member) Lose(member, silentMs, left);
    }

    private void Lose(Member member, double silentMs, bool left = false)
    {
        Strike(member, silentMs, left);
        AfterLoss();
    }

    /// <summary>Takes a worker off the roster; its shards stay with nobody for the moment.</summary>
    private void Strike(Member member, double silentMs, bool left)
    {
        roster.Remove(member.Id, member.Incarnation);
        Context.Unwatch(member.Actor);
        var shards = orders.ShardsOf(member.Id);
        setup.Observer(new RunEvent.WorkerLost(member.Id, member.Name, member.ProcessId, applied.Complete, silentMs, shards, left));
        board?.Free(member.Id);
        // Under async the server knows what was begun, and hands it to others.
        orders.Forget(member.Id, shards.IsEmpty || IsAsync ? 0 : applied.Complete + setup.Consistency.StalenessBound + 1);
        residuals?.Forget(member.Id);
        departing.Remove(member.Id);
        if (phase < Phase.Ending && IsAsync) foreach (var server in setup.Servers) server.Tell(new Membership.Lost(member.Id, member.Incarnation, silentMs), Self);
    }

    private void AfterLoss()
    {
        if (phase >= Phase.Ending || (phase == Phase.Gathering && setup.WorkersMayJoin)) return;
        Share();
        if (phase == Phase.Halting || (isResting && roster.Count > 0)) Settle();
        // The last step stays undone when all go at once; nobody will come to a job that is told to end.
        else if (phase == Phase.Finishing && roster.Count == 0) Interrupt();
    }

    /// <summary>A worker's actor is no more, and nothing that it said before is still to be heard.</summary>
    private sealed record Gone(IActorRef Worker) : INoSerializationVerificationNeeded;

    /// <summary>A leaf's state went with its worker.</summary>
    private void OnResidualLost(int leaf, long after)
    {
        string lost = $"the {(setup.Consistency is Training.Consistency.Local ? "optimizer state" : "residual")} of shard {leaf / setup.Plan.Accumulate} was lost with its worker after step {clocks.StepsOf(after).End}";
        // A run that was stopped is to stay so: it goes on from the last checkpoint when it goes on.
        if (setup.ExactRecovery && stopReason.Length > 0) End(new RunEvent.Interrupted(Totals(), stopReason, Clean: false));
        else if (setup.ExactRecovery) End(new RunEvent.RolledBack(applied.Complete, lost));
        else setup.Observer(new RunEvent.Warning($"{lost}: it goes on from zero, and the result is not that of a run without the crash; with --exact-recovery it would go back to the last checkpoint", "--exact-recovery"));
    }
}
