using System.Diagnostics;
using Akka.Actor;
using DistTrain.Transport;
using DistTrain.Worker.Compute;

namespace DistTrain.Coordinator.Simulation;

/// <summary>A node of the simulated cluster: its actor, whether it lives, stands still, is cut off or slow, and how it computes.</summary>
internal sealed class SimulatedNode(int number, string name, EventQueue queue, Func<long> computeTime) : IComputeQueue
{
    private long freeAt;
    private IWaitingWork? parked;

    public int Number { get; } = number;

    public string Name { get; } = name;

    /// <summary>Grows when the node dies: what was due on it never happens.</summary>
    public int Life { get; private set; }

    public bool IsAlive { get; set; }

    public long StandsStillUntil { get; set; }

    public long CutOffUntil { get; set; }

    /// <summary>When the failure detector last heard of it.</summary>
    public long SilentSince { get; set; }

    public long SlowUntil { get; set; }

    /// <summary>How many times longer it computes while it is slow.</summary>
    public int Slowness { get; set; } = 1;

    public long DelayedUntil { get; set; }

    /// <summary>The real actor; null while the node is down.</summary>
    public IActorRef? Actor { get; set; }

    /// <summary>What other nodes know it by.</summary>
    public LinkRef Address { get; set; } = null!;

    public long Incarnation { get; set; }

    /// <summary>Where weights go that come to it, into a store of its own as on a real node; null on the servers' node.</summary>
    public ITensorPlacer? Weights { get; set; }

    /// <summary>Real time that its actors and its work took, in the stopwatch's ticks.</summary>
    public long Ticks { get; private set; }

    /// <summary>Pieces that began early and had to wait for the rest of their weights.</summary>
    public int Waits { get; private set; }

    /// <summary>Those among them that were given up.</summary>
    public int GivenUp { get; private set; }

    /// <summary>Runs something on the node, and counts the time it takes.</summary>
    public void Timed(Action happens)
    {
        long began = Stopwatch.GetTimestamp();
        happens();
        Ticks += Stopwatch.GetTimestamp() - began;
    }

    /// <summary>Leaves out of its time what has been done since a moment for the simulation's own sake.</summary>
    public void LeaveOut(long since) => Ticks -= Stopwatch.GetTimestamp() - since;

    public void Die()
    {
        Life++;
        IsAlive = false;
        StandsStillUntil = 0;
        freeAt = 0;
        parked = null;
    }

    /// <summary>
    /// Computes in virtual time: one piece of work after the other, done at its end. What began early, before all that it needs was there, ends when the last of it comes, if that is later; or when it is given up.
    /// </summary>
    public void Post(IWork work)
    {
        long begin = Math.Max(queue.Microseconds, freeAt);
        freeAt = begin + computeTime() * (SlowUntil > begin ? Slowness : 1);
        queue.AddAt(freeAt, this, () => End(work));
    }

    public bool WaitFor(IWait wait) => wait.IsOver ? true : throw new InvalidOperationException("simulated work was run before all that it needs was there");

    public void Wake()
    {
        if (parked is not { MayEnd: true } work) return;
        parked = null;
        if (work is Worker.PieceWork { Arrivals.IsAbandoned: true }) GivenUp++;
        freeAt = Math.Max(freeAt, queue.Microseconds);
        queue.Add(0, this, work.Run);
    }

    private void End(IWork work)
    {
        if (work is not IWaitingWork { MayEnd: false } waiting)
        {
            work.Run();
            return;
        }
        parked = waiting;
        Waits++;
    }
}

/// <summary>The servers' compute threads: everything at once.</summary>
internal sealed class SimulatedServerCompute(EventQueue queue, SimulatedNode node) : ISharedQueue
{
    public void Post(SharedWork work) => queue.Add(50, node, () =>
    {
        while (work.TryRunPart()) { }
    });
}
