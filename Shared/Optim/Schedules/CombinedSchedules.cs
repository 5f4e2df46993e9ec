namespace DistTrain.Optim;

/// <summary>
/// One schedule after the other, each counting from its own start. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.SequentialLR.html">PyTorch's SequentialLR</see>.
/// </summary>
/// <param name="Schedules">The schedules.</param>
/// <param name="Milestones">The steps at which the second, third, … take over, rising: one fewer than schedules.</param>
public sealed record SequentialLR(IReadOnlyList<Schedule> Schedules, IReadOnlyList<long> Milestones) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate)
    {
        int i = 0;
        while (i < Milestones.Count && step >= Milestones[i]) i++;
        return Schedules[i].RateAt(step - (i == 0 ? 0 : Milestones[i - 1]), baseRate);
    }

    /// <inheritdoc/>
    public override void Check()
    {
        Require(Schedules.Count == Milestones.Count + 1, "the number of milestones", Milestones.Count, $"one fewer than the {Schedules.Count} schedules");
        for (int i = 0; i < Milestones.Count; i++) Require(Milestones[i] > (i == 0 ? 0 : Milestones[i - 1]), "a milestone", Milestones[i], "to rise from 1");
        foreach (var schedule in Schedules) schedule.Check();
    }
}

/// <summary>
/// Several schedules at once: each takes the rate that the one before it gives for its base rate; factors multiply. See
/// <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.ChainedScheduler.html">PyTorch's ChainedScheduler</see>.
/// </summary>
/// <param name="Schedules">The schedules.</param>
public sealed record ChainedScheduler(IReadOnlyList<Schedule> Schedules) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate)
    {
        for (int i = 0; i < Schedules.Count; i++) baseRate = Schedules[i].RateAt(step, baseRate);
        return baseRate;
    }

    /// <inheritdoc/>
    public override void Check()
    {
        foreach (var schedule in Schedules) schedule.Check();
    }
}

/// <summary>Rises in a straight line, baseRate · (step + 1)/(steps + 1), then follows another schedule (or stays), which counts from its own start.</summary>
/// <param name="Steps">The steps of the rise, 0 or more.</param>
/// <param name="Then">What follows; null for the constant rate.</param>
public sealed record Warmup(long Steps, Schedule? Then = null) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => step < Steps ? baseRate * (step + 1) / (Steps + 1) : Then?.RateAt(step - Steps, baseRate) ?? baseRate;

    /// <inheritdoc/>
    public override void Check()
    {
        Require(Steps >= 0, "the number of steps", Steps, "0 or more");
        Then?.Check();
    }
}

/// <summary>A factor of the user's own for each step. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.lr_scheduler.LambdaLR.html">PyTorch's LambdaLR</see>.</summary>
/// <param name="Factor">The factor of a step, from 0: a pure function.</param>
public sealed record LambdaLR(Func<long, double> Factor) : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(long step, double baseRate) => baseRate * Factor(step);

    /// <inheritdoc/>
    public override void Check()
    {
    }
}
