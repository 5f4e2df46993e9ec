using DistTrain.Protocol;

namespace DistTrain.Coordinator;

/// <content>
/// How shards change hands where their states depend on when they were computed: under <c>ssp:s</c> with a codec that keeps a residual. There a shard moves only while nothing of it is in flight: its new owner goes on exactly where the
/// old one ended, so nothing is sent back twice and nothing gets lost. Those of a worker that is lost go to others at once, at zero.
/// </content>
public sealed partial class CoordinatorActor
{
    private readonly HashSet<WorkerId> departing = [];
    private bool isResting;

    /// <summary>Whether shards must stay where they are for the moment.</summary>
    private bool IsUnderWay => residuals is not null && setup.Consistency.StalenessBound > 0 && phase is Phase.Training or Phase.Halting or Phase.Finishing;

    /// <summary>Whether all that workers may compute is in the weights.</summary>
    private bool IsAtHorizon => !orders.IsHalting && applied.Complete >= orders.Horizon;

    /// <summary>Somebody has come or gone: hands the shards out again, in so far as they may move now, and comes to rest for the others.</summary>
    private void Share()
    {
        if (IsUnderWay)
        {
            Reassign(orders.AssignOrphans);
            Rest();
        }
        else if (residuals is not null && setup.Consistency.StalenessBound > 0)
        {
            Reassign(workers => orders.AssignEvenly(workers, applied.Complete));
        }
        else
        {
            Reassign();
        }
    }

    /// <summary>Has workers begin nothing new, so that shards can move.</summary>
    private void Rest()
    {
        if (isResting || phase != Phase.Training || roster.Count == 0 || (departing.Count == 0 && orders.IsEven(roster.Ids))) return;
        isResting = true;
        // At the horizon they rest already: what comes next begins with the moves.
        if (!IsAtHorizon) Broadcast(orders.Halt(applied.Complete));
    }

    /// <summary>Once every worker has said how far it went, all go on up to the furthest step that was begun, and no further.</summary>
    private void SettleRest()
    {
        if (!isResting || !orders.IsHalting || orders.AgreedEnd(roster.Ids) is not { } end) return;
        Broadcast(orders.Until(Math.Max(end, applied.Complete)));
        // While states are gathered nothing goes on; what was to follow then does.
        if (!residuals!.IsGathering) GoOn();
    }

    /// <summary>At rest: who wants to go may, and the shards are handed out evenly.</summary>
    private void Move()
    {
        isResting = false;
        foreach (var member in roster.Members.Where(member => departing.Contains(member.Id)).ToList())
        {
            Depart(member);
            member.Actor.Tell(new Membership.Stay(setup.Term), Self);
        }
        Reassign(workers => orders.AssignEvenly(workers, applied.Complete));
    }
}
