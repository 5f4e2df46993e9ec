using System.Collections.Concurrent;
using DistTrain.Simd;

namespace DistTrain.Worker.Compute;

/// <summary>
/// A dedicated thread for numerics: runs its owner's work in order, lends itself to the group's shared work in between, spins briefly when there is none, then sleeps.
/// </summary>
public sealed class ComputeThread : IComputeQueue, IDisposable
{
    /// <summary>How many times a thread looks for work before it sleeps: some ten microseconds.</summary>
    public const int DefaultSpins = 60;

    private const int PausesPerSpin = 6;

    private readonly ConcurrentQueue<IWork> own = new();
    private readonly ComputeGroup group;
    private readonly Thread thread;
    private readonly object gate = new();
    private readonly int spins;
    private readonly int kernelThreads;
    private int idle;
    private bool signalled;
    private volatile bool ended;

    internal ComputeThread(ComputeGroup group, string name, int spins, int kernelThreads)
    {
        this.group = group;
        this.spins = spins;
        this.kernelThreads = kernelThreads;
        thread = new Thread(Loop) { Name = name, IsBackground = true };
        thread.Start();
    }

    /// <summary>The thread's name.</summary>
    public string Name => thread.Name!;

    /// <inheritdoc/>
    public void Post(IWork work)
    {
        own.Enqueue(work);
        WakeIfIdle();
    }

    /// <inheritdoc/>
    public bool WaitFor(IWait wait)
    {
        while (!wait.IsOver)
        {
            if (ended) return false;
            if (!group.TryRunShared()) Idle(wait);
        }
        return true;
    }

    /// <inheritdoc/>
    public void Wake() => WakeIfIdle();

    /// <summary>Ends the thread after the work it is at, which waits for nothing any more; work still queued is not done.</summary>
    public void Dispose()
    {
        ended = true;
        Signal();
        if (Thread.CurrentThread != thread) thread.Join();
    }

    /// <summary>Wakes the thread if it sleeps; whether it was free.</summary>
    internal bool WakeIfIdle()
    {
        Interlocked.MemoryBarrier();
        switch (Volatile.Read(ref idle))
        {
            case Busy:
                return false;
            case Spinning:
                return true;
            default:
                Signal();
                return true;
        }
    }

    private const int Busy = 0;
    private const int Spinning = 1;
    private const int Sleeping = 2;

    private void Loop()
    {
        using var helpers = kernelThreads > 1 ? new KernelThreads(kernelThreads) : null;
        KernelThreads.Current = helpers;
        while (!ended)
        {
            if (own.TryDequeue(out var work)) work.Run();
            else if (!group.TryRunShared()) Idle(null);
        }
    }

    /// <summary>Looks for something to do for a moment, then sleeps; in the middle of work that waits, for the end of its wait, or for shared work.</summary>
    private void Idle(IWait? wait)
    {
        Volatile.Write(ref idle, Spinning);
        for (int i = 0; i < spins && !HasWork(wait); i++) Thread.SpinWait(PausesPerSpin);
        if (!HasWork(wait))
        {
            Volatile.Write(ref idle, Sleeping);
            Interlocked.MemoryBarrier();
            lock (gate)
            {
                while (!HasWork(wait) && !signalled) Monitor.Wait(gate);
                signalled = false;
            }
        }
        Volatile.Write(ref idle, Busy);
    }

    private bool HasWork(IWait? wait) => (wait is null ? !own.IsEmpty : wait.IsOver) || group.HasShared || ended;

    private void Signal()
    {
        lock (gate)
        {
            signalled = true;
            Monitor.Pulse(gate);
        }
    }
}
