using DistTrain.Protocol;

namespace DistTrain.Worker;

/// <content>The states of its leaves: it asks for those that it lacks, sends those that others need, and does not go before they are sent.</content>
public sealed partial class WorkerActor
{
    /// <summary>Ticks without a word from the coordinator after which a worker that leaves no longer waits.</summary>
    internal const int DepartTicks = 5;

    private bool mayFree;
    private int quietTicks;

    private void OnAssignment(Schedule.Assignment order)
    {
        progress.Heard(order);
        AskForStates();
    }

    /// <summary>Asks for the states of its leaves that are not here, before they are needed: who has them may be about to leave.</summary>
    private void AskForStates()
    {
        if (!leaving) states?.Ask(progress.Upcoming(), busy && !isEvaluating ? computingLeaves : [], askForState);
    }

    private void OnOrder(Residuals.Order order)
    {
        quietTicks = 0;
        states?.Add(order);
    }

    /// <summary>Sends what others need, unless the compute thread is at it; an evaluation does not touch the states, and may take long.</summary>
    private void ServeStates()
    {
        if (states is null || (busy && !isEvaluating)) return;
        states.Serve(welcome!.Worker, Self);
        if (mayFree) states.Free(progress.Version);
        mayFree = false;
    }

    private void OnStay(Membership.Stay stay)
    {
        quietTicks = 0;
        leaving |= asksToLeave && !stay.Computes;
    }

    /// <summary>Says again that it leaves, until it may; a coordinator that says nothing any more is not waited for.</summary>
    private void Depart()
    {
        if (++quietTicks > DepartTicks) Context.Stop(Self);
        else setup.Coordinator.Tell(new Membership.Leave(welcome!.Worker, setup.Incarnation), Self);
    }
}
