namespace DistTrain.Optim;

/// <summary>
/// Falls along half a cosine, and rises again behind it. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html">PyTorch's CosineAnnealingLR</see> (<see href="https://arxiv.org/abs/1608.03983">Loshchilov, Hutter 2017</see>).
/// </summary>
/// <param name="TMax">The steps to the lowest rate.</param>
/// <param name="EtaMin">The lowest rate.</param>
public sealed record CosineAnnealingLR(long TMax, double EtaMin = 0) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => ScheduleMath.CosineBetween(baseRate, EtaMin, step % (2 * TMax) / (double)TMax);

    /// <inheritdoc/>
    public override void Check()
    {
        RequirePositive(TMax, "T_max");
        RequireRate(EtaMin, "eta_min");
    }
}

/// <summary>
/// Falls along half a cosine again and again, each time more slowly. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html">PyTorch's CosineAnnealingWarmRestarts</see>.
/// </summary>
/// <param name="T0">The steps of the first fall.</param>
/// <param name="TMult">How many times as long each fall is as the one before.</param>
/// <param name="EtaMin">The lowest rate.</param>
public sealed record CosineAnnealingWarmRestarts(long T0, int TMult = 1, double EtaMin = 0) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate)
    {
        long length = T0;
        if (TMult == 1) step %= T0;
        else
            for (; step >= length; length *= TMult) step -= length;
        return ScheduleMath.CosineBetween(baseRate, EtaMin, (double)step / length);
    }

    /// <inheritdoc/>
    public override void Check()
    {
        RequirePositive(T0, "T_0");
        RequirePositive(TMult, "T_mult");
        RequireRate(EtaMin, "eta_min");
    }
}

/// <summary>How <see cref="OneCycleLR"/> moves between rates.</summary>
public enum Annealing
{
    /// <summary>Along half a cosine.</summary>
    Cosine,

    /// <summary>In a straight line.</summary>
    Linear,
}

/// <summary>
/// Rises to a high rate and falls far below the first one; the job's rate plays no part. Momentum is not cycled. Behind the last step the last rate stays. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.OneCycleLR.html">PyTorch's OneCycleLR</see> with <c>cycle_momentum=False</c>.
/// </summary>
/// <param name="MaxRate">The highest rate.</param>
/// <param name="TotalSteps">The steps of the cycle.</param>
/// <param name="RiseShare">The share of the steps in which the rate rises (<c>pct_start</c>), in [0, 1].</param>
/// <param name="Annealing">How it moves.</param>
/// <param name="DivFactor">The first rate is the highest divided by this.</param>
/// <param name="FinalDivFactor">The last rate is the first divided by this.</param>
/// <param name="ThreePhase">First back down to the first rate, then on to the last.</param>
public sealed record OneCycleLR(
    double MaxRate, long TotalSteps, double RiseShare = 0.3, Annealing Annealing = Annealing.Cosine, double DivFactor = 25, double FinalDivFactor = 1e4, bool ThreePhase = false) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate)
    {
        double first = MaxRate / DivFactor, last = first / FinalDivFactor, rise = RiseShare * TotalSteps - 1, end = TotalSteps - 1;
        double at = Math.Min(step, end);
        // A rise of no steps is over at once.
        if (at <= rise) return rise == 0 ? MaxRate : Between(first, MaxRate, at / rise);
        double back = 2 * RiseShare * TotalSteps - 2;
        if (!ThreePhase) return Between(MaxRate, last, (at - rise) / (end - rise));
        return at <= back ? Between(MaxRate, first, (at - rise) / (back - rise)) : Between(first, last, (at - back) / (end - back));
    }

    /// <inheritdoc/>
    public override void Check()
    {
        RequireRate(MaxRate, "the highest rate");
        RequirePositive(TotalSteps, "the total of steps");
        Require(RiseShare >= 0 && RiseShare <= 1, "the share of rising steps", RiseShare, "0 to 1");
        Require(DivFactor > 0 && FinalDivFactor > 0, "the division factors", $"{DivFactor} and {FinalDivFactor}", "more than 0");
    }

    private double Between(double from, double to, double share) => Annealing == Annealing.Cosine ? ScheduleMath.CosineBetween(from, to, share) : from + (to - from) * share;
}
