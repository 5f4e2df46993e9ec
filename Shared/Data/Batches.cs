namespace DistTrain.Data;

/// <summary>
/// How a data set's samples fall into steps: step t is batch t mod <see cref="PerEpoch"/> of epoch t / <see cref="PerEpoch"/>, and piece i of a batch of b samples
/// for S shards is [⌊i·b/S⌋, ⌊(i+1)·b/S⌋) of it. Pure arithmetic.
/// </summary>
public sealed record Batches
{
    /// <summary>Sets the sizes.</summary>
    /// <param name="samples">The data set's samples, 1 or more.</param>
    /// <param name="batchSize">Samples of a whole batch, 1 or more.</param>
    /// <param name="shards">Logical shards, 1 or more.</param>
    /// <param name="dropLast">Leaves out an epoch's last batch where it is smaller than the others.</param>
    /// <exception cref="UserErrorException">A size is below 1, or no whole batch is left.</exception>
    public Batches(int samples, int batchSize, int shards = 1, bool dropLast = false)
    {
        if (samples < 1)
            throw new UserErrorException($"The training data has {samples} samples, expected at least 1");
        if (batchSize < 1)
            throw new UserErrorException($"The batch size was {batchSize}, expected 1 or more");
        if (shards < 1)
            throw new UserErrorException($"The number of shards was {shards}, expected 1 or more");
        if (dropLast && samples < batchSize)
            throw new UserErrorException($"With the last batch dropped, {samples} samples make no batch of {batchSize}; expected a batch size of at most {samples}");
        (Samples, BatchSize, Shards, DropLast) = (samples, batchSize, shards, dropLast);
        PerEpoch = dropLast ? samples / batchSize : (int)(((long)samples + batchSize - 1) / batchSize);
    }

    /// <summary>The data set's samples.</summary>
    public int Samples { get; }

    /// <summary>Samples of a whole batch.</summary>
    public int BatchSize { get; }

    /// <summary>Logical shards.</summary>
    public int Shards { get; }

    /// <summary>Whether an epoch's smaller last batch is left out.</summary>
    public bool DropLast { get; }

    /// <summary>Steps of an epoch.</summary>
    public int PerEpoch { get; }

    /// <summary>The most samples that any piece has.</summary>
    public int LargestPiece => (int)(((long)Math.Min(BatchSize, Samples) + Shards - 1) / Shards);

    /// <summary>The epoch and the batch in it that a step trains on.</summary>
    /// <param name="step">The step, from 0.</param>
    public (int Epoch, int Index) Locate(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return (checked((int)(step / PerEpoch)), (int)(step % PerEpoch));
    }

    /// <summary>The first step of an epoch.</summary>
    public long FirstStep(int epoch) => (long)epoch * PerEpoch;

    /// <summary>A step's whole batch.</summary>
    public SampleRange Batch(long step)
    {
        var (epoch, index) = Locate(step);
        var start = (long)index * BatchSize;
        return new(epoch, (int)start, (int)Math.Min(BatchSize, Samples - start));
    }

    /// <summary>A shard's piece of a step's batch; empty where the batch is smaller than the shards.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="shard">The shard, in [0, <see cref="Shards"/>).</param>
    public SampleRange Piece(long step, int shard)
    {
        if ((uint)shard >= (uint)Shards)
            throw new ArgumentOutOfRangeException(nameof(shard), shard, $"Expected a shard of 0 to {Shards - 1}");
        return Piece(Batch(step), shard, Shards);
    }

    /// <summary>Part <paramref name="index"/> of <paramref name="parts"/> of a range: [⌊i·b/S⌋, ⌊(i+1)·b/S⌋) of its b positions.</summary>
    public static SampleRange Piece(SampleRange range, int index, int parts)
    {
        var low = (long)index * range.Count / parts;
        var high = ((long)index + 1) * range.Count / parts;
        return new(range.Epoch, (int)(range.Start + low), (int)(high - low));
    }
}
