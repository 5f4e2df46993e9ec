using System.Collections.Concurrent;
using DistTrain.Protocol;
using DistTrain.Simd;

namespace DistTrain.Worker.Compute;

/// <summary>
/// A dedicated thread for numerics: runs its owner's work in order, lends itself to the group's shared work in between, spins briefly when there is none, then sleeps.
/// </summary>
public sealed class ComputeThread : IComputeQueue, IDisposable
{
    /// <summary>How many times a thread looks for work before it sleeps: some ten microseconds.</summary>
    public const int DefaultSpins = 60;

    /// <summary>The same for a thread that has a core to itself: some hundred microseconds. Who sleeps between two halves of a step is woken late, and sometimes on the core of another compute thread.</summary>
    public const int OwnCoreSpins = 450;

    private const int PausesPerSpin = 6;

    private readonly ConcurrentQueue<IWork> own = new();
    private readonly ComputeGroup group;
    private readonly Thread thread;
    private readonly object gate = new();
    private readonly int spins;
    private readonly int kernelThreads;
    private ActorTurns? turns;
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
        turns!.Open();
        while (!wait.IsOver && !ended)
        {
            if (!group.TryRunShared()) Idle(wait);
            turns.Run();
        }
        turns.Close();
        return wait.IsOver;
    }

    /// <inheritdoc/>
    public void Ends() => turns!.Open();

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
        turns = ActorTurns.OfThisThread;
        while (!ended)
        {
            turns.Close();
            if (own.TryDequeue(out var work)) work.Run();
            turns.Open();
            turns.Run();
            if (work is null && !group.TryRunShared()) Idle(null);
        }
        turns.Close();
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
