using Akka.Actor;

namespace DistTrain.Protocol;

/// <summary>Time as actors see it: real in a running cluster, virtual in the simulator.</summary>
public interface IActorClock
{
    /// <summary>The time since some fixed moment.</summary>
    TimeSpan Now { get; }

    /// <summary>Sends <paramref name="message"/> to <paramref name="target"/> every <paramref name="period"/> until cancelled.</summary>
    ICancelable Every(TimeSpan period, IActorRef target, object message);
}

/// <summary>Real time, from the actor system's scheduler.</summary>
public sealed class SystemClock(ActorSystem system) : IActorClock
{
    /// <inheritdoc/>
    public TimeSpan Now => system.Scheduler.HighResMonotonicClock;

    /// <inheritdoc/>
    public ICancelable Every(TimeSpan period, IActorRef target, object message) =>
        system.Scheduler.ScheduleTellRepeatedlyCancelable(period, period, target, message, ActorRefs.NoSender);
}
