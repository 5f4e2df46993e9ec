namespace DistTrain.Optim;

/// <summary>Whether a metric is better when it is small or when it is large.</summary>
public enum MetricGoal
{
    /// <summary>Small is better: losses.</summary>
    Min,

    /// <summary>Large is better: accuracies.</summary>
    Max,
}

/// <summary>
/// Lowers the rate when a metric has stopped getting better. It follows what happens, so it is not a pure <see cref="Schedule"/>: <see cref="Observe"/> takes its state and a metric to the next state. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html">PyTorch's ReduceLROnPlateau</see>.
/// </summary>
/// <param name="Goal">Which way is better.</param>
/// <param name="Factor">What the rate is multiplied with, in (0, 1).</param>
/// <param name="Patience">How many observations in a row may be no better before the rate falls.</param>
/// <param name="Threshold">How much better counts as better.</param>
/// <param name="RelativeThreshold">Whether the threshold is a share of the best metric, or an amount.</param>
/// <param name="Cooldown">Observations after a fall that do not count as bad.</param>
/// <param name="MinRate">The lowest rate.</param>
/// <param name="Epsilon">A fall by less than this is not made.</param>
public sealed record ReduceLROnPlateau(
    MetricGoal Goal = MetricGoal.Min, double Factor = 0.1, int Patience = 10, double Threshold = 1e-4, bool RelativeThreshold = true, int Cooldown = 0, double MinRate = 0, double Epsilon = 1e-8)
{
    /// <summary>The state before any observation.</summary>
    public PlateauState Start(double baseRate) => new(baseRate, Goal == MetricGoal.Min ? double.PositiveInfinity : double.NegativeInfinity, 0, 0);

    /// <summary>The state after one more metric; its <see cref="PlateauState.Rate"/> is the rate from now on.</summary>
    public PlateauState Observe(PlateauState state, double metric)
    {
        var (rate, best, bad, cooldown) = state;
        if (IsBetter(metric, best)) (best, bad) = (metric, 0);
        else bad++;
        if (cooldown > 0) (cooldown, bad) = (cooldown - 1, 0);
        if (bad > Patience)
        {
            double lower = Math.Max(rate * Factor, MinRate);
            if (rate - lower > Epsilon) rate = lower;
            (cooldown, bad) = (Cooldown, 0);
        }
        return new PlateauState(rate, best, bad, cooldown);
    }

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">One is out of range.</exception>
    public void Check()
    {
        OptionCheck.Require(Factor > 0 && Factor < 1, "ReduceLROnPlateau", $"the factor was {Factor}, expected more than 0 and below 1");
        OptionCheck.Require(Patience >= 0 && Cooldown >= 0, "ReduceLROnPlateau", $"patience and cooldown were {Patience} and {Cooldown}, expected 0 or more");
        OptionCheck.NotNegative("ReduceLROnPlateau", "the threshold", Threshold);
        OptionCheck.NotNegative("ReduceLROnPlateau", "the lowest rate", MinRate);
        OptionCheck.NotNegative("ReduceLROnPlateau", "epsilon", Epsilon);
    }

    private bool IsBetter(double metric, double best) => (Goal, RelativeThreshold) switch
    {
        (MetricGoal.Min, true) => metric < best * (1 - Threshold),
        (MetricGoal.Min, false) => metric < best - Threshold,
        (_, true) => metric > best * (1 + Threshold),
        _ => metric > best + Threshold,
    };
}

/// <summary>What <see cref="ReduceLROnPlateau"/> remembers.</summary>
/// <param name="Rate">The present learning rate.</param>
/// <param name="Best">The best metric so far.</param>
/// <param name="Bad">Observations in a row that were no better.</param>
/// <param name="CooldownLeft">Observations that will not count as bad.</param>
public readonly record struct PlateauState(double Rate, double Best, int Bad, int CooldownLeft);
