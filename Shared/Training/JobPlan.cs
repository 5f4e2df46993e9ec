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

    /// <summary>
    /// Gradient accumulation n, a power of two: a step's batch is n times <see cref="BatchSize"/>, in n · <see cref="Shards"/> pieces; shard s computes pieces s·n to s·n + n − 1.
    /// </summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Pieces of one step: the leaves of the reduction tree.</summary>
    public int Pieces => Shards * Accumulate;

    /// <summary>Samples of one step's batch.</summary>
    public int GlobalBatch => BatchSize * Accumulate;

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
    public long StepsPerEpoch => DropLast ? TrainCount / GlobalBatch : (TrainCount + (long)GlobalBatch - 1) / GlobalBatch;

    /// <summary>Steps of the whole job.</summary>
    public long TotalSteps => Math.Min(StepsPerEpoch * Epochs, MaxSteps ?? long.MaxValue);

    /// <summary>Epochs of the whole job; the last may end early.</summary>
    public long TotalEpochs => TotalSteps == 0 ? 0 : (TotalSteps + StepsPerEpoch - 1) / StepsPerEpoch;

    /// <summary>Evaluation slices.</summary>
    public int EvaluationSlices => (TestCount + EvaluationSlice - 1) / EvaluationSlice;

    /// <summary>The epoch, from 0, that a step belongs to.</summary>
    public int EpochOf(long step) => (int)(step / StepsPerEpoch);

    /// <summary>Whether a step is the last of its epoch, or of the job.</summary>
    public bool EndsEpoch(long step) => (step + 1) % StepsPerEpoch == 0 || step + 1 == TotalSteps;

    /// <summary>The number of samples in a step's global batch.</summary>
    public int BatchOf(long step) => (int)Math.Min(GlobalBatch, TrainCount - step % StepsPerEpoch * GlobalBatch);

    /// <summary>The number of samples of the smallest piece that is not empty, over all steps of the job.</summary>
    public int SmallestPiece
    {
        get
        {
            if (TotalSteps == 0) return 0;
            int full = Math.Max(1, BatchOf(0) / Pieces);
            return TotalSteps < StepsPerEpoch ? full : Math.Min(full, Math.Max(1, BatchOf(StepsPerEpoch - 1) / Pieces));
        }
    }

    /// <summary>The name of piece <paramref name="index"/> of a step, in [0, <see cref="Pieces"/>).</summary>
    public PieceId PieceAt(long step, int index) => new(step, index / Accumulate, index % Accumulate);

    /// <summary>A piece's number within its step, in [0, <see cref="Pieces"/>): what its random numbers are keyed by.</summary>
    public int IndexOf(PieceId piece) => piece.Shard * Accumulate + piece.Micro;

    /// <summary>The samples of a piece as positions in the epoch's shuffled order.</summary>
    public (int Start, int Count) Piece(PieceId piece) => Piece(piece.Step, IndexOf(piece));

    /// <summary>
    /// The samples of a step's piece as positions in the epoch's shuffled order: piece i of p of a batch of b samples is [⌊i·b/p⌋, ⌊(i+1)·b/p⌋).
    /// </summary>
    public (int Start, int Count) Piece(long step, int index)
    {
        long first = step % StepsPerEpoch * GlobalBatch, b = BatchOf(step), pieces = Pieces;
        long lo = index * b / pieces, hi = (index + 1) * b / pieces;
        return ((int)(first + lo), (int)(hi - lo));
    }
}
