namespace DistTrain.Training;

/// <summary>Loss and accuracy summed in a fixed order, in double.</summary>
public sealed class MetricSum
{
    private double lossSum;
    private double denominator;
    private long correct;
    private long counted;

    /// <summary>Samples so far.</summary>
    public long Samples { get; private set; }

    /// <summary>The mean loss; NaN of nothing.</summary>
    public double Loss => lossSum / denominator;

    /// <summary>The share of right predictions, in [0, 1]; null where being right means nothing.</summary>
    public double? Accuracy => counted == 0 ? null : (double)correct / counted;

    /// <summary>Adds a piece's result.</summary>
    public void Add(PieceResult piece) => Add(piece.Samples, piece.Denominator, piece.LossSum, piece.Correct, piece.Counted);

    /// <summary>Adds an evaluation slice's result.</summary>
    public void Add(EvaluationResult slice) => Add(slice.Samples, slice.Denominator, slice.LossSum, slice.Correct, slice.Counted);

    private void Add(int samples, double denominator, double lossSum, long correct, long counted)
    {
        Samples += samples;
        this.denominator += denominator;
        this.lossSum += lossSum;
        this.correct += correct;
        this.counted += counted;
    }
}

/// <summary>What an epoch found.</summary>
/// <param name="Epoch">Its number, from 0.</param>
/// <param name="TrainLoss">The mean loss over the epoch's training samples, each at the weights of its step.</param>
/// <param name="Test">The test split's metrics at the epoch's end; null without one.</param>
public sealed record EpochSummary(int Epoch, double TrainLoss, MetricSum? Test);
