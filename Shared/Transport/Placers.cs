using System.Collections.Concurrent;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport.Frames;

namespace DistTrain.Transport;

/// <summary>
/// Where a server's contributions go: buffers of a pool for each bucket, lent until the bucket's step is in the weights. What stands in a worker's memory stays there: a worker keeps what it sent until its step is in the weights.
/// </summary>
/// <param name="buckets">The layout, cut into buckets.</param>
/// <param name="server">The server that they are for: contributions of other servers' buckets are refused.</param>
public sealed class GradientPlacer(BucketPlan buckets, int server) : ITensorPlacer
{
    private readonly ConcurrentBag<FloatBuffer>[] pools = [.. buckets.Buckets.Select(_ => new ConcurrentBag<FloatBuffer>())];
    private int allocated;

    /// <summary>Buffers made so far.</summary>
    public int Allocated => Volatile.Read(ref allocated);

    /// <inheritdoc/>
    public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        destination = default;
        lease = null;
        if (!IsOurs(header)) return Placement.Refuse;
        var pool = pools[header.Bucket];
        if (!pool.TryTake(out var buffer))
        {
            Interlocked.Increment(ref allocated);
            buffer = new FloatBuffer(buckets.Buckets[header.Bucket].Length);
        }
        destination = new TensorSlice(buffer, 0, buffer.Length);
        lease = new Lent(pool, buffer);
        return Placement.Take;
    }

    /// <inheritdoc/>
    public bool MayStay(in FrameHeader header) => IsOurs(header);

    private bool IsOurs(in FrameHeader header) => (uint)header.Bucket < (uint)pools.Length && buckets.Buckets[header.Bucket].Server == server && header.Hi != 0;

    private sealed class Lent(ConcurrentBag<FloatBuffer> pool, FloatBuffer buffer) : IDisposable
    {
        private int returned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0) pool.Add(buffer);
        }
    }
}

/// <summary>Where a worker's weights go: straight into its node's store, into the version that they belong to.</summary>
/// <param name="buckets">The layout, cut into buckets.</param>
/// <param name="store">The node's weights.</param>
public sealed class WeightPlacer(BucketPlan buckets, WeightStore store) : ITensorPlacer
{
    // For each place of the store and each bucket, the version that has arrived there. Older versions may come after newer ones, over another connection or because they were passed over.
    private readonly long[] arrived = [.. Enumerable.Repeat(long.MinValue, store.Slots * buckets.Buckets.Length)];
    private readonly FloatBuffer?[] again = new FloatBuffer?[buckets.Buckets.Length];

    /// <inheritdoc/>
    public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        destination = default;
        lease = null;
        if ((uint)header.Bucket >= (uint)buckets.Buckets.Length || header.Hi != 0 || header.Step < 0) return Placement.Refuse;
        var bucket = buckets.Buckets[header.Bucket];
        long known = Volatile.Read(ref Arrival(header));
        if (header.Step < known) return Placement.Discard;
        if (header.Step == known)
        {
            // Its floats may be in use: what comes again, perhaps damaged on its way, must not touch them. The receiver is told all the same.
            destination = new TensorSlice(again[header.Bucket] ??= new FloatBuffer(bucket.Length), 0, bucket.Length);
            return Placement.Take;
        }
        if (store.TryOpen(header.Step) is not { } version) return Placement.Discard;
        destination = new TensorSlice(version, bucket.Offset, bucket.Length);
        return Placement.Take;
    }

    /// <inheritdoc/>
    public void Arrived(in FrameHeader header)
    {
        // Connections' threads come here at once, and the newest version must win.
        ref long newest = ref Arrival(header);
        for (long known = Volatile.Read(ref newest); known < header.Step;)
        {
            long found = Interlocked.CompareExchange(ref newest, header.Step, known);
            if (found == known) return;
            known = found;
        }
    }

    private ref long Arrival(in FrameHeader header) => ref arrived[header.Step % store.Slots * buckets.Buckets.Length + header.Bucket];

    /// <summary>What a hub's <see cref="ChannelHubOptions.Hold"/> takes on a server's node: a version that waits to be sent is not written over.</summary>
    public static Func<Protocol.IProtocolMessage, IDisposable?> HoldVersions(WeightStore store) =>
        message => message is Protocol.Weights.Published published && store.TryRead(published.Version, out var lease) ? lease : null;
}

/// <summary>Where tensors go that are none of the layout's buckets, error-feedback states: each into memory of its own. All others go where another placer says.</summary>
/// <param name="length">Floats of such a tensor; 0 where there are none.</param>
/// <param name="others">The other placer; null for an actor that takes nothing else.</param>
public sealed class ResidualPlacer(int length, ITensorPlacer? others = null) : ITensorPlacer
{
    /// <inheritdoc/>
    public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        destination = default;
        lease = null;
        if (header.Bucket != FrameHeader.NoBucket) return others?.Place(header, out destination, out lease) ?? Placement.Refuse;
        if (length == 0 || header.Floats != length) return Placement.Refuse;
        destination = new TensorSlice(new FloatBuffer(length), 0, length);
        return Placement.Take;
    }

    /// <inheritdoc/>
    public bool MayStay(in FrameHeader header) => header.Bucket != FrameHeader.NoBucket && others?.MayStay(header) == true;

    /// <inheritdoc/>
    public void Arrived(in FrameHeader header)
    {
        if (header.Bucket != FrameHeader.NoBucket) others?.Arrived(header);
    }
}
