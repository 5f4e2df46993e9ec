using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>
/// Takes snapshots of a run every few steps, while it goes on: each server copies a bucket when it has just published that step's version, before it works on the next one. Where the disk is slower than the steps, a snapshot is left out.
/// Called by servers and coordinator, on their threads.
/// </summary>
internal sealed class Snapshots(BucketPlan buckets, int states, long every, Action<Snapshot> whole)
{
    private const int MostInFlight = 2;

    private readonly Lock gate = new();
    private readonly Dictionary<long, Snapshot> pending = [];
    private readonly Stack<SnapshotBuffers> free = new();
    private int inFlight;

    /// <summary>The coordinator's small state at the run's end.</summary>
    public IReadOnlyDictionary<string, string> Last { get; set; } = new Dictionary<string, string>();

    /// <summary>The error-feedback states at the run's end.</summary>
    public IReadOnlyDictionary<int, ResidualState> LastResiduals { get; set; } = new Dictionary<int, ResidualState>();

    /// <summary>The next step after this many that is wanted.</summary>
    public long NextAfter(long version) => (version / every + 1) * every;

    /// <summary>The best epoch's weights at the run's end; null for none.</summary>
    public FloatBuffer? LastBest { get; set; }

    /// <summary>Whether the state after this many steps is wanted.</summary>
    public bool Wants(long version) => version % every == 0;

    /// <summary>A server's bucket has reached a version that is wanted.</summary>
    public void Take(long version, Bucket bucket, FloatBuffer weights, FloatBuffer[] state)
    {
        var snapshot = Find(version);
        if (snapshot.Buffers is { } copy)
        {
            weights.Slice(bucket.Offset, bucket.Length).CopyTo(copy.Weights.Slice(bucket.Offset, bucket.Length));
            for (int i = 0; i < state.Length; i++) state[i].Slice(bucket.Offset, bucket.Length).CopyTo(copy.State[i].Slice(bucket.Offset, bucket.Length));
        }
        Count(snapshot);
    }

    /// <summary>A server's small state at a version that is wanted; before the last of its buckets.</summary>
    public void Add(long version, string note, string value) => Find(version).Added[note] = value;

    /// <summary>The coordinator's small state, and the best weights so far, at a version that is wanted.</summary>
    public void Note(long version, IReadOnlyDictionary<string, string> notes, FloatBuffer? best, IReadOnlyDictionary<int, ResidualState>? residuals = null)
    {
        var snapshot = Find(version);
        snapshot.Notes = notes;
        snapshot.Best = best;
        snapshot.Residuals = residuals ?? snapshot.Residuals;
        Count(snapshot);
    }

    /// <summary>A snapshot is on disk, or could not be put there: its memory is free.</summary>
    public void Return(Snapshot snapshot)
    {
        lock (gate)
        {
            inFlight--;
            free.Push(snapshot.Buffers!);
        }
    }

    private Snapshot Find(long version)
    {
        lock (gate)
        {
            if (pending.TryGetValue(version, out var known)) return known;
            bool left = inFlight >= MostInFlight;
            if (!left) inFlight++;
            var memory = left ? null : free.TryPop(out var used) ? used : new SnapshotBuffers(buckets.Layout.Length, states);
            return pending[version] = new Snapshot(version, buckets.Buckets.Length + 1, memory);
        }
    }

    private void Count(Snapshot snapshot)
    {
        lock (gate)
        {
            if (--snapshot.Missing > 0) return;
            pending.Remove(snapshot.Step);
        }
        if (snapshot.Buffers is not null) whole(snapshot);
    }
}
