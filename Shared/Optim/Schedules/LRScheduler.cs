namespace DistTrain.Optim;

/// <summary>
/// Sets an optimizer's learning rates by a schedule, for hand-written loops: make it, then call <see cref="Step"/> after each <c>optimizer.Step()</c> (or each epoch). Each group
/// follows the schedule from the rate it had, or, as in PyTorch, from the <see cref="ParameterGroup.InitialLearningRate"/> that an earlier scheduler noted, which a loaded state brings along.
/// </summary>
public sealed class LRScheduler
{
    private readonly Optimizer optimizer;
    private readonly Schedule schedule;
    private readonly double[] baseRates;

    /// <summary>Takes charge of an optimizer's rates and sets those of step 0.</summary>
    /// <exception cref="ArgumentException">An option of the schedule is out of range.</exception>
    public LRScheduler(Optimizer optimizer, Schedule schedule)
    {
        schedule.Check();
        (this.optimizer, this.schedule) = (optimizer, schedule);
        baseRates = [.. optimizer.Groups.Select(g => g.InitialLearningRate ??= g.LearningRate)];
        Set(0);
    }

    /// <summary>Steps done: all that has to be saved to go on.</summary>
    public long LastStep { get; private set; }

    /// <summary>Moves on to the next step's rates.</summary>
    public void Step() => Set(LastStep + 1);

    /// <summary>Goes to the rates of a step: what to do with a saved <see cref="LastStep"/>.</summary>
    public void Set(long step)
    {
        LastStep = step;
        for (int i = 0; i < baseRates.Length; i++) optimizer.Groups[i].LearningRate = schedule.RateAt(step, baseRates[i]);
    }
}
