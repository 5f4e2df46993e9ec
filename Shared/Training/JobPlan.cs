namespace DistTrain.Training;

/// <summary>
/// The schedule of a job in numbers: how steps, epochs, pieces and evaluation slices follow from the batch, the shards and the size of the data. A pure
/// function of the job; never of machines or workers.
/// </summary>
public sealed record JobPlan
{
    /// <summary>Samples in an evaluation slice.</summary>
    public const int EvaluationSlice = 256;

    /// <summary>Training samples.</summary>
    public required int TrainCount { get; init; }

    /// <summary>Test samples; 0 for none.</summary>
    public required int TestCount { get; init; }

    /// <summary>Samples of one global batch, at least <see cref="Shards"/>.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Logical shards S, 1 or more.</summary>
    public required int Shards { get; init; }

    /// <summary>Epochs to train.</summary>
    public required int Epochs { get; init; }

    /// <summary>Stops after this many steps, where given.</summary>
    public long? MaxSteps { get; init; }

    /// <summary>Leaves out an epoch's last batch when it is smaller.</summary>
    public bool DropLast { get; init; }

    /// <summary>Key of shuffles, dropout and initialisation.</summary>
    public ulong Seed { get; init; }

    /// <summary>Clips the gradient's L2 norm to this, where given.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>Steps in one epoch.</summary>
    public long StepsPerEpoch => DropLast ? TrainCount / BatchSize : (TrainCount + (long)BatchSize - 1) / BatchSize;

    /// <summary>Steps of the whole job.</summary>
    public long TotalSteps => Math.Min(StepsPerEpoch * Epochs, MaxSteps ?? long.MaxValue);

    /// <summary>Evaluation slices.</summary>
    public int EvaluationSlices => (TestCount + EvaluationSlice - 1) / EvaluationSlice;

    /// <summary>The epoch, from 0, that a step belongs to.</summary>
    public int EpochOf(long step) => (int)(step / StepsPerEpoch);

    /// <summary>Whether a step is the last of its epoch, or of the job.</summary>
    public bool EndsEpoch(long step) => (step + 1) % StepsPerEpoch == 0 || step + 1 == TotalSteps;

    /// <summary>The number of samples in a step's global batch.</summary>
    public int BatchOf(long step) => (int)Math.Min(BatchSize, TrainCount - step % StepsPerEpoch * BatchSize);

    /// <summary>
    /// The samples of a shard's piece as positions in the epoch's shuffled order: piece i of a batch of b samples is [⌊i·b/S⌋, ⌊(i+1)·b/S⌋).
    /// </summary>
    public (int Start, int Count) Piece(long step, int shard)
    {
        long first = step % StepsPerEpoch * BatchSize, b = BatchOf(step);
        long lo = shard * b / Shards, hi = (shard + 1) * b / Shards;
        return ((int)(first + lo), (int)(hi - lo));
    }
}
