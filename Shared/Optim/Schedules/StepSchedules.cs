namespace DistTrain.Optim;

/// <summary>Multiplies the rate by γ every few steps. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.StepLR.html">PyTorch's StepLR</see>.</summary>
/// <param name="StepSize">Steps between two changes.</param>
/// <param name="Gamma">The factor.</param>
public sealed record StepLR(long StepSize, double Gamma = 0.1) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => baseRate * ScheduleMath.Pow(Gamma, step / StepSize);

    /// <inheritdoc/>
    public override void Check()
    {
        RequirePositive(StepSize, "the step size");
        RequireRate(Gamma, "gamma");
    }
}

/// <summary>Multiplies the rate by γ at given steps. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.MultiStepLR.html">PyTorch's MultiStepLR</see>.</summary>
/// <param name="Milestones">The steps, rising.</param>
/// <param name="Gamma">The factor.</param>
public sealed record MultiStepLR(IReadOnlyList<long> Milestones, double Gamma = 0.1) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate)
    {
        int passed = 0;
        for (int i = 0; i < Milestones.Count; i++)
            if (Milestones[i] <= step) passed++;
        return baseRate * ScheduleMath.Pow(Gamma, passed);
    }

    /// <inheritdoc/>
    public override void Check() => RequireRate(Gamma, "gamma");
}

/// <summary>Multiplies the rate by γ in every step. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.ExponentialLR.html">PyTorch's ExponentialLR</see>.</summary>
/// <param name="Gamma">The factor.</param>
public sealed record ExponentialLR(double Gamma) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => baseRate * ScheduleMath.Pow(Gamma, step);

    /// <inheritdoc/>
    public override void Check() => RequireRate(Gamma, "gamma");
}

/// <summary>A factor for the first steps, then none. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.ConstantLR.html">PyTorch's ConstantLR</see>.</summary>
/// <param name="Factor">The factor, in [0, 1].</param>
/// <param name="TotalSteps">The steps it is for.</param>
public sealed record ConstantLR(double Factor = 1.0 / 3, long TotalSteps = 5) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => step < TotalSteps ? baseRate * Factor : baseRate;

    /// <inheritdoc/>
    public override void Check()
    {
        Require(Factor >= 0 && Factor <= 1, "the factor", Factor, "0 to 1");
        Require(TotalSteps >= 0, "the total of steps", TotalSteps, "0 or more");
    }
}

/// <summary>A factor that moves in a straight line. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.LinearLR.html">PyTorch's LinearLR</see>.</summary>
/// <param name="StartFactor">The factor of step 0, in (0, 1].</param>
/// <param name="EndFactor">The factor from step <paramref name="TotalSteps"/> on, in [0, 1].</param>
/// <param name="TotalSteps">The steps that the way takes.</param>
public sealed record LinearLR(double StartFactor = 1.0 / 3, double EndFactor = 1, long TotalSteps = 5) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => baseRate * (StartFactor + (EndFactor - StartFactor) * Math.Min(step, TotalSteps) / TotalSteps);

    /// <inheritdoc/>
    public override void Check()
    {
        Require(StartFactor > 0 && StartFactor <= 1, "the start factor", StartFactor, "more than 0, at most 1");
        Require(EndFactor >= 0 && EndFactor <= 1, "the end factor", EndFactor, "0 to 1");
        RequirePositive(TotalSteps, "the total of steps");
    }
}

/// <summary>Falls to 0 by a power of the share that is left. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.PolynomialLR.html">PyTorch's PolynomialLR</see>.</summary>
/// <param name="TotalSteps">The steps until 0.</param>
/// <param name="Power">The power.</param>
public sealed record PolynomialLR(long TotalSteps = 5, double Power = 1) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => baseRate * ScheduleMath.Pow(1 - (double)Math.Min(step, TotalSteps) / TotalSteps, Power);

    /// <inheritdoc/>
    public override void Check()
    {
        RequirePositive(TotalSteps, "the total of steps");
        RequireRate(Power, "the power");
    }
}
