using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Worker;

/// <content>How it takes part: it joins, reports, asks again for what did not come, and leaves.</content>
public sealed partial class WorkerActor
{
    private void OnWelcome(Membership.Welcome joined)
    {
        if (joined.Incarnation != setup.Incarnation || joined.Term.CompareTo(term) < 0 || (joined.Worker == welcome?.Worker && joined.Term == term)) return;
        Abandon();
        bool isBack = joined.Term == term && states is { AreTimed: true };
        progress.Join(joined.Worker, joined.Term != term, forgets: isBack);
        if (isBack)
        {
            states!.Outdate();
            sent.Clear();
        }
        welcome = joined;
        term = joined.Term;
        var self = Self;
        channels = [.. joined.Servers.Select(server => setup.Connect(server, self))];
        AskForWeights();
        if (IsAsync) AskForPiece();
        Report();
    }

    private void OnRejoin(Membership.Rejoin rejoin)
    {
        if (rejoin.Term.CompareTo(term) < 0 || leaving) return;
        // It had asked to go: its shards are others' already.
        leaving |= asksToLeave;
        Abandon();
        if (leaving) return;
        welcome = null;
        Join();
    }

    /// <summary>Hands its shards over: others begin with them at once, whatever is being computed here; but where their states depend on who computed what when, once nothing is being computed.</summary>
    private void OnLeave()
    {
        if (welcome is not null) setup.Coordinator.Tell(new Membership.Leave(welcome.Worker, setup.Incarnation), Self);
        // States that others need are sent first; the coordinator says when that is done.
        if (welcome is null || states is null) Context.Stop(Self);
        else if (states.AreTimed) asksToLeave = true;
        else leaving = true;
    }

    private void OnTick()
    {
        if (leaving || asksToLeave) Depart();
        if (pieces is null || leaving) return;
        if (welcome is null)
        {
            Join();
            return;
        }
        Report();
        if (!heardWeights) AskForWeights();
        AskForStates();
        mayFree = true;
        if (IsAsync && !busy && !worked) AskAgain();
        heardWeights = worked = false;
    }

    /// <summary>Idle under <c>async</c> for a whole tick: what was sent may be lost, and so may the answer.</summary>
    private void AskAgain()
    {
        foreach (var old in sent) channels[setup.Buckets.Buckets[old.Header.What.Bucket].Server].Send(old.Header, old.Tensor);
        AskForPiece();
    }

    private void Join() => setup.Coordinator.Tell(
        new Membership.Join(Membership.ProtocolVersion, setup.Name, setup.Incarnation, Environment.ProcessId, setup.Buckets.Layout.Hash), Self);

    private void Report()
    {
        double computeMs = computedSteps > 0 ? computeTime.TotalMilliseconds / computedSteps : 0;
        (computeTime, computedSteps) = (default, 0);
        setup.Coordinator.Tell(new Membership.Heartbeat(welcome!.Worker, setup.Incarnation, term, progress.AssignmentRevision, progress.HorizonRevision, computeMs), Self);
    }

    private void AskForWeights()
    {
        var wanted = new Weights.Wanted(term, welcome!.Worker, progress.Version, [.. progress.Versions.Newest], progress.Versions.Skipped());
        foreach (var server in welcome.Servers) server.Tell(wanted, Self);
    }
}
