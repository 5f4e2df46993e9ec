using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace DistTrain.Data;

/// <summary>
/// Reads pieces of a data set ahead of their use, on a thread of its own, into a few reused buffers. Ask for the piece that is needed with
/// <see cref="Load"/>, and name those to come with <see cref="Prefetch"/>; whether a piece was prefetched shows in time only. Asked by one thread at a time;
/// allocates nothing after the start.
/// </summary>
public sealed class DataLoader : IDisposable
{
    private readonly IDataset dataset;
    private readonly Sampler sampler;
    private readonly ulong seed;
    private readonly Slot[] slots;
    private readonly Lock gate = new();
    private readonly AutoResetEvent work = new(false), done = new(false);
    private readonly Thread thread;
    private Slot? current;
    private SampleRange reached = new(int.MinValue, 0, 0);
    private long clock;
    private long waitTicks;
    private volatile bool stopping;

    /// <summary>Starts the loader's thread.</summary>
    /// <param name="dataset">Where samples come from.</param>
    /// <param name="seed">The job's seed: keys the shuffle and what varies between epochs.</param>
    /// <param name="capacity">The most samples of a piece, such as <see cref="Batches.LargestPiece"/>.</param>
    /// <param name="shuffle">False to go through the data in its own order.</param>
    /// <param name="buffers">Pieces held at a time, 2 or more: twice the pieces that a worker computes in a step is enough.</param>
    public DataLoader(IDataset dataset, ulong seed, int capacity, bool shuffle = true, int buffers = 4)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(buffers, 2);
        (this.dataset, this.seed, Capacity) = (dataset, seed, capacity);
        sampler = new(dataset, seed, shuffle);
        slots = new Slot[buffers];
        for (var i = 0; i < buffers; i++)
            slots[i] = new(new(dataset, capacity));
        thread = new(Run) { IsBackground = true, Name = $"data loader: {dataset.Name}" };
        thread.Start();
    }

    private enum State { Free, Queued, Filling, Ready, Failed }

    /// <summary>The data set.</summary>
    public IDataset Dataset => dataset;

    /// <summary>The most samples of a piece.</summary>
    public int Capacity { get; }

    /// <summary>How long <see cref="Load"/> has waited for data since the start.</summary>
    public TimeSpan DataWait => Stopwatch.GetElapsedTime(0, waitTicks);

    /// <summary>Pieces that <see cref="Load"/> returned.</summary>
    public long Loads { get; private set; }

    /// <summary>How many of them were there when they were asked for.</summary>
    public long Hits { get; private set; }

    /// <summary>
    /// The samples of a piece. They stay as they are until the next <see cref="Load"/>; a piece asked for again soon is usually still held.
    /// </summary>
    /// <exception cref="ArgumentException">The range is larger than <see cref="Capacity"/> or reaches beyond the data set.</exception>
    /// <exception cref="UserErrorException">The data could not be read: what the data set threw.</exception>
    public PieceBatch Load(SampleRange range)
    {
        ObjectDisposedException.ThrowIf(stopping, this);
        CheckRange(range);
        Slot slot;
        lock (gate)
        {
            current = null; // the piece returned before may be overwritten from here on
            slot = Find(range) ?? Queue(range, FindOldest(isNeeded: true)!);
            (slot.Urgent, slot.IsAhead, reached) = (true, false, range);
            if (slot.State is State.Ready)
                Hits++;
        }
        Wait(slot);
        Loads++;
        lock (gate)
        {
            slot.LastUse = ++clock;
            slot.Urgent = false;
            current = slot;
            if (slot.State is State.Failed)
            {
                slot.State = State.Free;
                slot.Error!.Throw();
            }
            return slot.Batch;
        }
    }

    /// <summary>Names a piece that will be asked for. Ignored when every buffer is taken, such as by pieces that were named before, and when the piece is held already.</summary>
    /// <exception cref="ArgumentException">The range is larger than <see cref="Capacity"/> or reaches beyond the data set.</exception>
    public void Prefetch(SampleRange range)
    {
        CheckRange(range);
        lock (gate)
        {
            if (Find(range) is null && FindOldest(isNeeded: false) is { } slot)
                Queue(range, slot).IsAhead = true;
        }
    }

    /// <summary>Ends the loader's thread; a read in progress is finished first.</summary>
    public void Dispose()
    {
        if (stopping)
            return;
        stopping = true;
        work.Set();
        thread.Join();
        work.Dispose();
        done.Dispose();
    }

    private void Wait(Slot slot)
    {
        if (slot.State is State.Ready or State.Failed)
            return;
        var start = Stopwatch.GetTimestamp();
        while (slot.State is not (State.Ready or State.Failed))
            done.WaitOne();
        long waited = Stopwatch.GetTimestamp() - start;
        waitTicks += waited;
        DataMetrics.Add(Stopwatch.GetElapsedTime(0, waited));
    }

    private void CheckRange(SampleRange range)
    {
        if (range.Count < 0 || range.Count > Capacity)
            throw new ArgumentException($"{dataset.Name}: a piece of {range.Count} samples was asked for, expected at most {Capacity}", nameof(range));
        if (range.Start < 0 || range.Start > dataset.Count - range.Count)
            throw new ArgumentException($"{dataset.Name}: samples {range.Start} to {(long)range.Start + range.Count} asked for, expected within 0 to {dataset.Count}", nameof(range));
    }

    private Slot? Find(SampleRange range)
    {
        foreach (var slot in slots)
        {
            if (slot.State is not State.Free && slot.Batch.Range == range)
                return slot;
        }
        return null;
    }

    /// <summary>
    /// The buffer to overwrite: the longest unused one. What was read ahead and not asked for yet stays, or it would be read twice, unless it lies behind what is computed by now: its shard has moved. At most one is being filled,
    /// so with two or more there is always one for a piece that is needed; for one ahead there may be none.
    /// </summary>
    private Slot? FindOldest(bool isNeeded)
    {
        Slot? oldest = null;
        foreach (var slot in slots)
        {
            var taken = slot.State is State.Filling || slot == current || (!isNeeded && IsAwaited(slot));
            if (!taken && (oldest is null || (IsAwaited(slot), slot.LastUse).CompareTo((IsAwaited(oldest), oldest.LastUse)) < 0))
                oldest = slot;
        }
        return oldest;
    }

    private bool IsAwaited(Slot slot) => slot.IsAhead && (slot.Batch.Range.Epoch, slot.Batch.Range.Start).CompareTo((reached.Epoch, reached.Start)) >= 0;

    private Slot Queue(SampleRange range, Slot slot)
    {
        slot.Batch.Range = range;
        slot.State = State.Queued;
        slot.LastUse = ++clock;
        work.Set();
        return slot;
    }

    private void Run()
    {
        while (!stopping)
        {
            Slot? next = null;
            lock (gate)
            {
                foreach (var slot in slots)
                {
                    if (slot.State is State.Queued && (next is null || slot.Urgent || (!next.Urgent && slot.LastUse < next.LastUse)))
                        next = slot;
                }
                if (next is not null)
                    next.State = State.Filling;
            }
            if (next is null)
            {
                work.WaitOne();
                continue;
            }
            var state = State.Ready;
            try
            {
                next.Batch.Fill(dataset, sampler, seed);
            }
            catch (Exception error)
            {
                next.Error = ExceptionDispatchInfo.Capture(error);
                state = State.Failed;
            }
            lock (gate)
                next.State = state;
            done.Set();
        }
    }

    private sealed class Slot(PieceBatch batch)
    {
        public readonly PieceBatch Batch = batch;
        public volatile State State;
        public long LastUse;
        public bool Urgent;

        /// <summary>Read ahead, and not asked for yet.</summary>
        public bool IsAhead;

        public ExceptionDispatchInfo? Error;
    }
}
