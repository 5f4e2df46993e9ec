namespace DistTrain.Worker.Compute;

/// <summary>Something a compute thread does. Its results leave as messages to the actor that posted it.</summary>
public interface IWork
{
    /// <summary>Runs on the compute thread; handles its own errors.</summary>
    void Run();
}

/// <summary>Work that may begin before all that it needs is there, and waits for the rest while it runs.</summary>
public interface IWaitingWork : IWork
{
    /// <summary>Whether it would run to its end without waiting: where computing is simulated, it is not begun before.</summary>
    bool MayEnd { get; }
}

/// <summary>Something that work waits for.</summary>
public interface IWait
{
    /// <summary>Whether the wait is over; once it is, it stays so. Asked on the compute thread.</summary>
    bool IsOver { get; }
}

/// <summary>Takes work for one owner, which is done one at a time, in the order posted.</summary>
public interface IComputeQueue
{
    /// <summary>Posts work; returns at once.</summary>
    void Post(IWork work);

    /// <summary>For work that runs: returns once a wait is over, and lends the thread to shared work meanwhile. False when the thread is to end.</summary>
    bool WaitFor(IWait wait);

    /// <summary>For work that runs: all that it has left to do is to tell actors what it found. Where it has a thread of its own, that takes their turns then.</summary>
    void Ends()
    {
    }

    /// <summary>A wait may be over; callable from any thread.</summary>
    void Wake();
}

/// <summary>
/// Work on a range that several threads may share: parts are claimed one by one, and whoever finishes the last one completes it.
/// </summary>
/// <param name="parts">The number of parts; the same each time the object is used.</param>
public abstract class SharedWork(int parts)
{
    private int next = parts;
    private int left;

    /// <summary>The number of parts.</summary>
    public int Parts { get; } = parts;

    /// <summary>Whether every part has been claimed.</summary>
    public bool Exhausted => Volatile.Read(ref next) >= Parts;

    /// <summary>Does one part; parts touch nothing that another one touches.</summary>
    protected abstract void RunPart(int part);

    /// <summary>Called once, after the last part, by the thread that ran it.</summary>
    protected abstract void Complete();

    /// <summary>
    /// Makes the object ready for another use, after its fields are set and before it is posted: from here on a thread that still looks at its last use may begin this one.
    /// </summary>
    protected void Reset()
    {
        left = Parts;
        Volatile.Write(ref next, 0);
    }

    /// <summary>Claims and runs one part; false when none is left to claim.</summary>
    public bool TryRunPart()
    {
        int part = Interlocked.Increment(ref next) - 1;
        if (part >= Parts) return false;
        RunPart(part);
        if (Interlocked.Decrement(ref left) == 0) Complete();
        return true;
    }
}

/// <summary>Takes work that any free thread may help with.</summary>
public interface ISharedQueue
{
    /// <summary>Posts work; returns at once.</summary>
    void Post(SharedWork work);
}
