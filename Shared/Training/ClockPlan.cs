namespace DistTrain.Training;

/// <summary>
/// The clocks of a run: what servers apply one after the other. A clock is a step; under <c>local:H</c> it is a round of H steps that every shard takes by itself.
/// </summary>
public sealed class ClockPlan(JobPlan plan, Consistency consistency)
{
    /// <summary>Steps of one clock.</summary>
    public int StepsPerClock { get; } = consistency is Consistency.Local local ? local.Steps : 1;

    /// <summary>Clocks of the whole job.</summary>
    public long Count => (plan.TotalSteps + StepsPerClock - 1) / StepsPerClock;

    /// <summary>The clock that begins with a step.</summary>
    /// <exception cref="UserErrorException">A clock does not begin there.</exception>
    public long StartingAt(long step)
    {
        if (step == plan.TotalSteps) return Count;
        return step % StepsPerClock == 0 ? step / StepsPerClock : throw new UserErrorException($"step {step} is within a round of {StepsPerClock} local steps, a run can only begin between rounds");
    }

    /// <summary>The steps [First, End) of a clock.</summary>
    public (long First, long End) StepsOf(long clock) => (clock * StepsPerClock, Math.Min((clock + 1) * StepsPerClock, plan.TotalSteps));

    /// <summary>The samples of a leaf's piece, or of all its pieces in a round.</summary>
    public int Samples(long clock, int leaf)
    {
        if (StepsPerClock == 1) return plan.Piece(clock, leaf).Count;
        var (first, end) = StepsOf(clock);
        int samples = 0;
        for (long step = first; step < end; step++) samples += plan.Piece(step, leaf).Count;
        return samples;
    }

    /// <summary>Whether an epoch, or the job, ends in a clock.</summary>
    public bool EndsEpoch(long clock)
    {
        var (first, end) = StepsOf(clock);
        return end == plan.TotalSteps || first / plan.StepsPerEpoch != end / plan.StepsPerEpoch;
    }

    /// <summary>The step with which an epoch, or the job, ends in a clock that ends one.</summary>
    public long EndOfEpochStep(long clock)
    {
        long end = StepsOf(clock).End;
        return end == plan.TotalSteps ? end - 1 : end / plan.StepsPerEpoch * plan.StepsPerEpoch - 1;
    }

    /// <summary>The clocks up to and with the one in which the epoch of clock <paramref name="from"/> ends.</summary>
    public long EndOfEpoch(long from)
    {
        long lastStep = Math.Min((plan.EpochOf(StepsOf(from).First) + 1) * plan.StepsPerEpoch, plan.TotalSteps) - 1;
        return lastStep / StepsPerClock + 1;
    }
}
