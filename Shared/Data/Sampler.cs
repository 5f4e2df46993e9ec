using DistTrain.Simd;

namespace DistTrain.Data;

/// <summary>
/// The order in which an epoch goes through a data set: a pure function of (seed, epoch), whoever asks. Keeps the orders of two epochs (8 bytes per sample), so
/// asking allocates nothing, at the border of two epochs too. Used by one thread at a time.
/// </summary>
public sealed class Sampler
{
    private readonly ulong seed;
    private readonly bool shuffle;
    private readonly int blockSize;
    private readonly int[][] orders = [[], []];
    private readonly int[] epochs = [-1, -1];
    private int[] blocks = [];

    /// <summary>Orders a number of samples.</summary>
    /// <param name="count">The number of samples.</param>
    /// <param name="seed">The job's seed.</param>
    /// <param name="shuffle">False for the data set's own order in every epoch.</param>
    /// <param name="blockSize">
    /// 0 to shuffle all samples; otherwise the blocks of this many consecutive samples are shuffled, and then the samples within every
    /// <see cref="BlocksTogether"/> blocks that follow each other: what a reader needs in memory at a time.
    /// </param>
    public Sampler(int count, ulong seed, bool shuffle = true, int blockSize = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(blockSize);
        (Count, this.seed, this.shuffle, this.blockSize) = (count, seed, shuffle, blockSize);
    }

    /// <summary>Orders a data set's samples, by blocks where the data set says so.</summary>
    public Sampler(IDataset dataset, ulong seed, bool shuffle = true) : this(dataset.Count, seed, shuffle, dataset.BlockSize) { }

    /// <summary>Blocks whose samples are mixed with each other, where the shuffle is by blocks.</summary>
    public const int BlocksTogether = 8;

    /// <summary>The number of samples.</summary>
    public int Count { get; }

    /// <summary>The samples at a range's positions of its epoch's order.</summary>
    /// <param name="range">The positions; an epoch of -1 means the data set's own order.</param>
    /// <param name="indices">Takes <c>range.Count</c> sample indices.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches beyond the data set, or the span is too short.</exception>
    public void Read(SampleRange range, Span<int> indices)
    {
        if (range.Start < 0 || range.Count < 0 || range.Start > Count - range.Count)
            throw new ArgumentOutOfRangeException(nameof(range), range, $"Expected positions within 0 to {Count}");
        var target = indices[..range.Count];
        if (range.Epoch >= 0 && shuffle)
        {
            Order(range.Epoch).Slice(range.Start, range.Count).CopyTo(target);
            return;
        }
        for (var i = 0; i < target.Length; i++)
            target[i] = range.Start + i;
    }

    private ReadOnlySpan<int> Order(int epoch)
    {
        var slot = epoch & 1;
        if (orders[slot].Length != Count)
            orders[slot] = GC.AllocateUninitializedArray<int>(Count);
        if (epochs[slot] != epoch)
        {
            epochs[slot] = -1;
            if (blockSize == 0)
            {
                Philox.Permutation(orders[slot], RandomStream.Key(seed, RandomUse.Shuffle, (ulong)epoch));
            }
            else
            {
                ShuffleByBlocks(epoch, orders[slot]);
            }
            epochs[slot] = epoch;
        }
        return orders[slot];
    }

    private void ShuffleByBlocks(int epoch, int[] order)
    {
        var count = (int)(((long)Count + blockSize - 1) / blockSize);
        if (blocks.Length != count)
            blocks = new int[count];
        Philox.Permutation(blocks, RandomStream.Key(seed, RandomUse.ShuffleBlocks, (ulong)epoch));
        int position = 0, groupStart = 0;
        for (var i = 0; i < count; i++)
        {
            var first = (long)blocks[i] * blockSize;
            var last = Math.Min(first + blockSize, Count);
            for (var sample = first; sample < last; sample++)
                order[position++] = (int)sample;
            if ((i + 1) % BlocksTogether == 0 || i + 1 == count)
            {
                Philox.Shuffle(order.AsSpan(groupStart, position - groupStart), RandomStream.Key(seed, RandomUse.Shuffle, (ulong)epoch, (ulong)i));
                groupStart = position;
            }
        }
    }
}
