using System.Collections.Concurrent;
using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Tests.Coordinator;

/// <summary>Time that passes when a test says so: a tick is whatever an actor asked to be told periodically, told once.</summary>
internal sealed class HandClock : IActorClock
{
    private readonly ConcurrentQueue<(IActorRef Target, object Message)> periodic = new();

    public TimeSpan Now => TimeSpan.Zero;

    public ICancelable Every(TimeSpan period, IActorRef target, object message)
    {
        periodic.Enqueue((target, message));
        return new Periodic();
    }

    public void Tick(int times = 1)
    {
        for (; times > 0; times--)
            foreach (var (target, message) in periodic) target.Tell(message, ActorRefs.NoSender);
    }

    private sealed class Periodic : ICancelable
    {
        public bool IsCancellationRequested => false;

        public CancellationToken Token => CancellationToken.None;

        public void Cancel() { }

        public void Cancel(bool throwOnFirstException) { }

        public void CancelAfter(TimeSpan delay) { }

        public void CancelAfter(int millisecondsDelay) { }
    }
}
