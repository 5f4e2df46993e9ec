namespace DistTrain.Training;

/// <summary>Loss, accuracy and, of an evaluation, further metrics, summed in a fixed order, in double.</summary>
/// <param name="plan">What an evaluation measures; null for loss and accuracy alone.</param>
public sealed class MetricSum(MetricPlan? plan = null)
{
    private readonly MetricTotals? totals = plan is null ? null : new MetricTotals(plan);
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

    /// <summary>The metrics of an evaluation; null for loss and accuracy alone.</summary>
    public MetricReport? Metrics => field ??= totals?.Report(Loss, Accuracy);

    /// <summary>Adds a piece's result.</summary>
    public void Add(PieceResult piece) => Add(piece.Samples, piece.Denominator, piece.LossSum, piece.Correct, piece.Counted);

    /// <summary>Adds an evaluation slice's result.</summary>
    public void Add(EvaluationResult slice)
    {
        Add(slice.Samples, slice.Denominator, slice.LossSum, slice.Correct, slice.Counted);
        if (slice.Detail is { } detail) totals?.Add(detail);
    }

    /// <summary>The sum as text that <see cref="Parse"/> reads back to the bit.</summary>
    public string ToText() => FormattableString.Invariant($"{Samples} {denominator:R} {lossSum:R} {correct} {counted}");

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public static MetricSum Parse(string text)
    {
        string[] parts = text.Split(' ');
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (parts.Length == 5 && long.TryParse(parts[0], culture, out long samples) && double.TryParse(parts[1], culture, out double denominator) && double.TryParse(parts[2], culture, out double lossSum)
            && long.TryParse(parts[3], culture, out long correct) && long.TryParse(parts[4], culture, out long counted))
            return new MetricSum { Samples = samples, denominator = denominator, lossSum = lossSum, correct = correct, counted = counted };
        throw new UserErrorException($"a metric's sum was '{text}', expected five numbers");
    }

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
