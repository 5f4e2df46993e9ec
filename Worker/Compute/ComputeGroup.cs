using System.Collections.Concurrent;

namespace DistTrain.Worker.Compute;

/// <summary>
/// The compute threads of a process: one for each worker, and helpers where there are more cores than workers. A thread that waits for its own worker's next piece lends itself to work that is shared:
/// reducing gradients and stepping the optimizer.
/// </summary>
public sealed class ComputeGroup : ISharedQueue, IDisposable
{
    private readonly ConcurrentQueue<SharedWork> shared = new();
    private readonly List<ComputeThread> threads = [];
    private ComputeThread[] snapshot = [];

    /// <summary>Adds a thread.</summary>
    /// <param name="name">What debuggers and traces call it.</param>
    /// <param name="spins">How many times it looks for work before it sleeps.</param>
    /// <param name="kernelThreads">Threads that share its large kernels, itself included, 1 or more; the bits are the same with any number.</param>
    public ComputeThread Add(string name, int spins = ComputeThread.DefaultSpins, int kernelThreads = 1)
    {
        lock (threads)
        {
            var thread = new ComputeThread(this, name, spins, kernelThreads);
            threads.Add(thread);
            Volatile.Write(ref snapshot, [.. threads]);
            return thread;
        }
    }

    /// <summary>Ends a thread after the work it is at.</summary>
    public void Remove(ComputeThread thread)
    {
        lock (threads)
        {
            threads.Remove(thread);
            Volatile.Write(ref snapshot, [.. threads]);
        }
        thread.Dispose();
    }

    /// <inheritdoc/>
    public void Post(SharedWork work)
    {
        shared.Enqueue(work);
        WakeIdle(work.Parts);
    }

    private void WakeIdle(int wanted)
    {
        foreach (var thread in Volatile.Read(ref snapshot))
        {
            if (wanted <= 0) break;
            if (thread.WakeIfIdle()) wanted--;
        }
    }

    /// <summary>Whether there may be shared work to do.</summary>
    internal bool HasShared => !shared.IsEmpty;

    /// <summary>Runs one part of shared work, if there is any.</summary>
    internal bool TryRunShared()
    {
        while (shared.TryPeek(out var work))
        {
            if (work.TryRunPart()) return true;
            if (!TakeOffFirst()) return false;
        }
        return false;
    }

    /// <summary>
    /// Takes off the queue what was seen at its front with all parts claimed. Another thread may have done so since, and then this takes off the next one, which may even be the same object, posted for another use meanwhile:
    /// whatever has parts left goes back.
    /// </summary>
    internal bool TakeOffFirst()
    {
        if (!shared.TryDequeue(out var taken)) return false;
        if (!taken.Exhausted)
        {
            shared.Enqueue(taken);
            // A thread that was woken for it may have found nothing meanwhile and gone back to sleep.
            WakeIdle(taken.Parts);
        }
        return true;
    }

    /// <summary>Ends all threads.</summary>
    public void Dispose()
    {
        foreach (var thread in Volatile.Read(ref snapshot)) thread.Dispose();
    }
}
