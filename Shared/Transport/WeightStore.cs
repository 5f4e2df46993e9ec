using DistTrain.Tensors;

namespace DistTrain.Transport;

/// <summary>
/// The versions of the weights that a node holds, one flat buffer each. Version t + 1 is written beside version t, bucket by bucket; a buffer is written again only when nobody reads it, so a slow reader never sees torn weights.
/// In one process, servers and workers share a store: nothing is copied.
/// </summary>
public sealed class WeightStore
{
    private readonly Lock opening = new();
    private readonly Held[] ring;
    // Of versions that were replaced while somebody read them: pinned memory that is made anew each time waits long for a collection.
    private readonly Stack<FloatBuffer> spare = new();
    private readonly int length;
    private readonly Func<int, FloatBuffer>? allocate;

    /// <summary>Makes a store with one complete version in it.</summary>
    /// <param name="version">The number of that version.</param>
    /// <param name="weights">Its floats; the store owns them from now on.</param>
    /// <param name="staleness">How many versions before the newest may still be asked for; 0 for <c>bsp</c>.</param>
    /// <param name="allocate">Makes the buffers of further versions, such as <see cref="FloatBuffer.ToSendFrom"/>; null for ones of this process alone.</param>
    public WeightStore(long version, FloatBuffer weights, int staleness = 0, Func<int, FloatBuffer>? allocate = null)
    {
        this.allocate = allocate;
        ArgumentOutOfRangeException.ThrowIfNegative(staleness);
        length = weights.Length;
        ring = new Held[staleness + 2];
        for (int i = 0; i < ring.Length; i++) ring[i] = new Held(this) { Version = long.MinValue, Buffer = null, Readers = Retired };
        ring[Slot(version)] = new Held(this) { Version = version, Buffer = weights };
    }

    private const int Retired = -1;

    /// <summary>Versions that may be held at one time.</summary>
    public int Slots => ring.Length;

    /// <summary>Buffers made so far; grows beyond the versions held only when readers are slow.</summary>
    public int Allocated { get; private set; } = 1;

    /// <summary>The buffer to write a version into; the same for everybody who asks. Its floats are those of an older version until they are written.</summary>
    /// <exception cref="InvalidOperationException">A newer version has taken its place.</exception>
    public FloatBuffer Open(long version) => TryOpen(version) ?? throw new InvalidOperationException($"weights version {version} is no longer held: its place has version {ring[Slot(version)].Version}");

    /// <summary>As <see cref="Open"/>; null where a newer version has taken its place.</summary>
    public FloatBuffer? TryOpen(long version)
    {
        var held = Volatile.Read(ref ring[Slot(version)]);
        if (held.Version == version) return held.Buffer!;
        lock (opening)
        {
            held = ring[Slot(version)];
            if (held.Version == version) return held.Buffer!;
            if (held.Version > version) return null;
            // Readers of the old version keep it, and its buffer is used again after them; usually there are none.
            bool free = held.Readers == Retired || Interlocked.CompareExchange(ref held.Readers, Retired, 0) == 0;
            var next = new Held(this) { Version = version, Buffer = free ? held.Buffer : spare.TryPop(out var used) ? used : null };
            if (next.Buffer is null)
            {
                next.Buffer = allocate?.Invoke(length) ?? new FloatBuffer(length);
                Allocated++;
            }
            Volatile.Write(ref ring[Slot(version)], next);
            if (free) return next.Buffer;
            Volatile.Write(ref held.IsReplaced, true);
            // Its last reader may have left a moment before that.
            TakeBack(held);
            return next.Buffer;
        }
    }

    /// <summary>Takes a version for reading; false when it is no longer (or not yet) held. To be followed by <see cref="Lease.Dispose"/>.</summary>
    public bool TryRead(long version, out Lease lease)
    {
        lease = default;
        var held = Volatile.Read(ref ring[Slot(version)]);
        if (held.Version != version) return false;
        int readers = Volatile.Read(ref held.Readers);
        while (true)
        {
            if (readers == Retired) return false;
            int seen = Interlocked.CompareExchange(ref held.Readers, readers + 1, readers);
            if (seen == readers) break;
            readers = seen;
        }
        lease = new Lease(held);
        return true;
    }

    private void Release(Held held)
    {
        if (Interlocked.Decrement(ref held.Readers) == 0 && Volatile.Read(ref held.IsReplaced)) TakeBack(held);
    }

    /// <summary>The buffer of a version that was replaced is free once nobody reads it.</summary>
    private void TakeBack(Held held)
    {
        if (Interlocked.CompareExchange(ref held.Readers, Retired, 0) != 0) return;
        lock (opening)
            if (spare.Count < ring.Length) spare.Push(held.Buffer!);
    }

    private int Slot(long version) => (int)(((version % ring.Length) + ring.Length) % ring.Length);

    internal sealed class Held(WeightStore store)
    {
        public long Version;
        public FloatBuffer? Buffer;
        public int Readers;
        public bool IsReplaced;

        public void Release() => store.Release(this);
    }

    /// <summary>The right to read one version.</summary>
    public readonly struct Lease : IDisposable
    {
        private readonly Held? held;

        internal Lease(Held held) => this.held = held;

        /// <summary>The version's floats.</summary>
        public FloatBuffer Weights => held?.Buffer ?? throw new InvalidOperationException("the lease holds no version");

        /// <summary>The version.</summary>
        public long Version => held?.Version ?? -1;

        /// <summary>Gives the version back.</summary>
        public void Dispose() => held?.Release();
    }
}
