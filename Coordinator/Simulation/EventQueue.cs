using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Simulation;

/// <summary>Virtual time: a queue of what is to happen, which advances exactly to the next due event. Events of one moment happen in the order in which they were put in.</summary>
internal sealed class EventQueue : IActorClock
{
    private readonly PriorityQueue<SimulatedEvent, (long Time, long Order)> queue = new();
    private long order;
    private long now;

    /// <summary>Virtual microseconds since the start.</summary>
    public long Microseconds => now;

    public TimeSpan Now => TimeSpan.FromMicroseconds(now);

    public int Count => queue.Count;

    /// <summary>Puts in what happens to a node after a delay.</summary>
    public void Add(long delay, SimulatedNode? node, Action happens) => AddAt(now + Math.Max(0, delay), node, happens);

    /// <summary>Puts in what happens to a node at a moment.</summary>
    public void AddAt(long time, SimulatedNode? node, Action happens) => queue.Enqueue(new SimulatedEvent(node, node?.Life ?? 0, happens), (time, order++));

    /// <summary>Lets the next event happen; false when there is none. What is due on a node that stands still waits; on one that died since it never happens.</summary>
    public bool Step()
    {
        if (!queue.TryDequeue(out var next, out var due)) return false;
        now = due.Time;
        if (next.Node is { } node)
        {
            if (node.Life != next.Life) return true;
            if (node.StandsStillUntil > now)
            {
                queue.Enqueue(next, (node.StandsStillUntil, order++));
                return true;
            }
            node.Timed(next.Happens);
            return true;
        }
        next.Happens();
        return true;
    }

    public void Clear() => queue.Clear();

    /// <summary>The clock of one node: its timers stop while it stands still and end with it.</summary>
    public IActorClock ClockOf(SimulatedNode node) => new NodeClock(this, node);

    public ICancelable Every(TimeSpan period, IActorRef target, object message) => throw new NotSupportedException("timers belong to nodes: use ClockOf");

    private sealed record SimulatedEvent(SimulatedNode? Node, int Life, Action Happens);

    private sealed class NodeClock(EventQueue queue, SimulatedNode node) : IActorClock
    {
        public TimeSpan Now => queue.Now;

        public ICancelable Every(TimeSpan period, IActorRef target, object message)
        {
            var cancelable = new Cancelled();
            long microseconds = (long)period.TotalMicroseconds;
            void Repeat()
            {
                if (cancelable.IsCancellationRequested) return;
                target.Tell(message, ActorRefs.NoSender);
                queue.Add(microseconds, node, Repeat);
            }
            queue.Add(microseconds, node, Repeat);
            return cancelable;
        }
    }

    private sealed class Cancelled : ICancelable
    {
        public bool IsCancellationRequested { get; private set; }

        public CancellationToken Token => CancellationToken.None;

        public void Cancel() => IsCancellationRequested = true;

        public void Cancel(bool throwOnFirstException) => Cancel();

        public void CancelAfter(TimeSpan delay) => throw new NotSupportedException();

        public void CancelAfter(int millisecondsDelay) => throw new NotSupportedException();
    }
}
