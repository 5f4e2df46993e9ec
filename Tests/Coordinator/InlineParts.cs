using System.Collections.Concurrent;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Coordinator;

/// <summary>Computes at once, on the thread that posts.</summary>
internal sealed class InlineCompute : IComputeQueue, ISharedQueue
{
    /// <summary>Takes shared work instead, where given.</summary>
    public ConcurrentQueue<SharedWork>? Held { get; set; }

    public void Post(IWork work) => work.Run();

    public bool WaitFor(IWait wait) => wait.IsOver ? true : throw new InvalidOperationException("nobody would end the wait");

    public void Wake() { }

    public void Post(SharedWork work)
    {
        if (Held is { } held)
        {
            held.Enqueue(work);
            return;
        }
        while (work.TryRunPart()) { }
    }
}

/// <summary>Time that stands still: nothing is repeated unless a test says so.</summary>
internal sealed class StillClock : IActorClock
{
    public TimeSpan Now => TimeSpan.Zero;

    public ICancelable Every(TimeSpan period, IActorRef target, object message) => NotCancelled.Instance;

    private sealed class NotCancelled : ICancelable
    {
        public static readonly NotCancelled Instance = new();

        public bool IsCancellationRequested => false;

        public CancellationToken Token => CancellationToken.None;

        public void Cancel() { }

        public void Cancel(bool throwOnFirstException) { }

        public void CancelAfter(TimeSpan delay) { }

        public void CancelAfter(int millisecondsDelay) { }
    }
}
