using System.Diagnostics;
using DistTrain.Training;
using DistTrain.Worker.Compute;

namespace DistTrain.Worker;

/// <summary>The compute thread's work is given up: nobody needs it any more, or it would wait for ever.</summary>
internal sealed class AbandonedException() : OperationCanceledException("the work was given up");

/// <summary>
/// The version of the weights that a piece is computed on, while its buckets come in: the actor says what is here, or gives the piece up; the compute thread waits for what it reads, and for all of it before anything is sent.
/// Until then nobody has seen anything of the piece, so that it can be given up without a trace; from then on nothing is waited for.
/// </summary>
internal sealed class WeightArrivals(BucketPlan plan, IComputeQueue compute, WorkerSpans? spans) : IWeightArrivals, IWait
{
    private readonly bool[] here = new bool[plan.Buckets.Length];
    private volatile State state = State.Whole;
    private int missing;
    private int awaited;
    private bool touched;

    private enum State
    {
        Open,
        Whole,
        Abandoned,
    }

    /// <summary>The version.</summary>
    public long Version { get; private set; }

    /// <summary>The bucket that a piece reads first, as far as is known: whatever the order in which a model registers its parameters, the first piece that begins early finds out.</summary>
    public int First { get; private set; }

    /// <inheritdoc/>
    public bool IsWhole => state == State.Whole;

    /// <summary>Whether something is still to come, so that the piece can be given up.</summary>
    public bool IsOpen => state == State.Open;

    /// <summary>Whether the piece was given up.</summary>
    public bool IsAbandoned => state == State.Abandoned;

    /// <summary>Whether the version can no longer become whole here: a bucket of it was passed over by a newer one.</summary>
    public bool IsHopeless { get; private set; }

    /// <summary>Time that the compute thread waited for this version.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Whether the bucket in question is here, or nobody waits any more.</summary>
    bool IWait.IsOver => Volatile.Read(ref here[awaited]) || state == State.Abandoned;

    /// <summary>The actor, before it posts a piece.</summary>
    /// <param name="version">The version that it is computed on.</param>
    /// <param name="versions">The newest version of each bucket that is here.</param>
    public void Begin(long version, ReadOnlySpan<long> versions)
    {
        Version = version;
        (missing, touched, IsHopeless, Waited) = (0, false, false, default);
        for (int bucket = 0; bucket < here.Length; bucket++)
        {
            here[bucket] = versions[bucket] >= version;
            if (!here[bucket]) missing++;
        }
        state = missing == 0 ? State.Whole : State.Open;
    }

    /// <summary>The actor: a bucket of a version is here.</summary>
    public void Heard(int bucket, long version)
    {
        if (state != State.Open || here[bucket] || version < Version) return;
        if (version > Version)
        {
            IsHopeless = true;
            return;
        }
        Volatile.Write(ref here[bucket], true);
        if (--missing == 0) state = State.Whole;
        compute.Wake();
    }

    /// <summary>The actor: gives the piece up; false where everything is here, and something of it may have been sent.</summary>
    public bool TryAbandon()
    {
        if (state != State.Open) return false;
        state = State.Abandoned;
        compute.Wake();
        return true;
    }

    /// <inheritdoc/>
    public void Wait(int offset, int length)
    {
        if (length == 0) return;
        int bucket = plan.IndexAt(offset);
        if (!touched) (touched, First) = (true, bucket);
        for (; bucket < here.Length && plan.Buckets[bucket].Offset < offset + length; bucket++) WaitFor(bucket);
    }

    /// <summary>Returns once the whole version is here.</summary>
    /// <exception cref="AbandonedException">The piece is given up.</exception>
    public void WaitForAll()
    {
        if (state == State.Whole) return;
        for (int bucket = 0; bucket < here.Length; bucket++) WaitFor(bucket);
    }

    private void WaitFor(int bucket)
    {
        if (!Volatile.Read(ref here[bucket]))
        {
            awaited = bucket;
            long start = Stopwatch.GetTimestamp();
            if (!compute.WaitFor(this)) throw new AbandonedException();
            Waited += Stopwatch.GetElapsedTime(start);
            spans?.Waited(start, bucket);
        }
        if (state == State.Abandoned) throw new AbandonedException();
    }
}
