using System.Globalization;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>
/// Looks at the epochs of a run, one after the other: which was the best, whether to stop, and how far a plateau has lowered the learning rate. A pure function of what the epochs found, so that runs alone,
/// on any cluster, and after a resume come to the same.
/// </summary>
public sealed record EpochWatch
{
    private readonly EarlyStopping rule;
    private readonly MetricGoal goal;
    private readonly string? metric;
    private readonly ReduceLROnPlateau plateau;
    private readonly bool lowersRate;

    private EpochWatch(TrainingJob job)
    {
        rule = job.EarlyStop ?? new EarlyStopping();
        var found = rule.Metric is "loss" or "train-loss" ? null : MetricPlan.Of(job).Find(rule.Metric);
        (goal, metric) = (found?.Goal ?? MetricGoal.Min, found?.Name);
        plateau = job.Plateau ?? new ReduceLROnPlateau();
        lowersRate = job.Plateau is not null;
        if (metric is not null && job.Data.Test is not { Count: > 0 }) throw new UserErrorException($"early-stop metric was '{metric}', but the data has no test split to measure it on; expected train-loss");
    }

    /// <summary>What a job watches; null for one that has neither test data nor an early stop nor a plateau.</summary>
    /// <exception cref="UserErrorException">The metric is none of the job's.</exception>
    public static EpochWatch? Of(TrainingJob job) => job.Data.Test is { Count: > 0 } || job.EarlyStop is not null || job.Plateau is not null ? new EpochWatch(job) : null;

    /// <summary>The state before any epoch.</summary>
    public WatchState Start => new(-1, double.NaN, double.NaN, 0, plateau.Start(1));

    /// <summary>What is watched, in words.</summary>
    public string Metric => rule.Metric;

    /// <summary>The state after one more epoch.</summary>
    /// <param name="state">The state before it.</param>
    /// <param name="epoch">Its number, from 0.</param>
    /// <param name="trainLoss">Its training loss.</param>
    /// <param name="test">What its evaluation found; null without test data.</param>
    public WatchState Observe(WatchState state, int epoch, double trainLoss, MetricSum? test)
    {
        double loss = test?.Loss ?? trainLoss;
        double value = metric is not null ? test?.Metrics?[metric] ?? double.NaN : rule.Metric == "train-loss" ? trainLoss : loss;
        var (bestEpoch, best, reference, bad, rate) = state;
        if (IsBetter(value, best, 0)) (bestEpoch, best) = (epoch, value);
        if (IsBetter(value, reference, rule.MinDelta)) (reference, bad) = (value, 0);
        else bad++;
        return new WatchState(bestEpoch, best, reference, bad, lowersRate ? plateau.Observe(rate, loss) : rate);
    }

    /// <summary>Whether the run ends here.</summary>
    public bool Stops(WatchState state) => state.Bad >= rule.Patience;

    /// <summary>Why it does.</summary>
    public string Reason(WatchState state) => string.Create(CultureInfo.InvariantCulture, $"{rule.Metric} has not got better for {state.Bad} epoch{(state.Bad == 1 ? "" : "s")}; best was {state.Best:G5} in epoch {state.BestEpoch + 1}");

    /// <summary>A value that is not a number is never better; anything is better than nothing.</summary>
    private bool IsBetter(double value, double than, double by) =>
        !double.IsNaN(value) && (double.IsNaN(than) || (goal == MetricGoal.Min ? value < than - by : value > than + by));
}

/// <summary>What an <see cref="EpochWatch"/> remembers.</summary>
/// <param name="BestEpoch">The best epoch, from 0; −1 before one.</param>
/// <param name="Best">Its value; NaN before one.</param>
/// <param name="Reference">The value that the next one has to be better than.</param>
/// <param name="Bad">Epochs in a row that were not.</param>
/// <param name="Plateau">The plateau's state; its rate is a factor.</param>
public readonly record struct WatchState(int BestEpoch, double Best, double Reference, int Bad, PlateauState Plateau)
{
    /// <summary>The state as text that <see cref="Parse"/> reads back to the bit.</summary>
    public string ToText() => FormattableString.Invariant($"{BestEpoch} {Best:R} {Reference:R} {Bad} {Plateau.Rate:R} {Plateau.Best:R} {Plateau.Bad} {Plateau.CooldownLeft}");

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="UserErrorException">It is something else.</exception>
    public static WatchState Parse(string text)
    {
        var culture = CultureInfo.InvariantCulture;
        string[] parts = text.Split(' ');
        if (parts.Length == 8 && int.TryParse(parts[0], culture, out int epoch) && double.TryParse(parts[1], culture, out double best) && double.TryParse(parts[2], culture, out double reference)
            && int.TryParse(parts[3], culture, out int bad) && double.TryParse(parts[4], culture, out double rate) && double.TryParse(parts[5], culture, out double plateauBest)
            && int.TryParse(parts[6], culture, out int plateauBad) && int.TryParse(parts[7], culture, out int cooldown))
            return new WatchState(epoch, best, reference, bad, new PlateauState(rate, plateauBest, plateauBad, cooldown));
        throw new UserErrorException($"the state of early stopping was '{text}', expected eight numbers");
    }
}
