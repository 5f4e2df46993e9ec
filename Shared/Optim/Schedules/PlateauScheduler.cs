namespace DistTrain.Optim;

/// <summary>Lowers an optimizer's learning rates on a plateau, for hand-written loops: call <see cref="Step"/> with the metric after each epoch.</summary>
public sealed class PlateauScheduler
{
    private readonly Optimizer optimizer;
    private readonly ReduceLROnPlateau options;
    private readonly PlateauState[] states;

    /// <summary>Takes charge of an optimizer's rates.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public PlateauScheduler(Optimizer optimizer, ReduceLROnPlateau options)
    {
        options.Check();
        (this.optimizer, this.options) = (optimizer, options);
        states = [.. optimizer.Groups.Select(g => options.Start(g.LearningRate))];
    }

    /// <summary>What it remembers of each group; set it to go on from a saved one.</summary>
    /// <exception cref="ArgumentException">Set to states of another number of groups.</exception>
    public IReadOnlyList<PlateauState> State
    {
        get => [.. states];
        set
        {
            if (value.Count != states.Length) throw new ArgumentException($"ReduceLROnPlateau: the state has {value.Count} groups, the optimizer {states.Length}");
            for (int i = 0; i < states.Length; i++) Take(i, value[i]);
        }
    }

    /// <summary>Observes a metric and sets the rates that follow.</summary>
    public void Step(double metric)
    {
        for (int i = 0; i < states.Length; i++) Take(i, options.Observe(states[i] with { Rate = optimizer.Groups[i].LearningRate }, metric));
    }

    private void Take(int group, PlateauState state)
    {
        states[group] = state;
        optimizer.Groups[group].LearningRate = state.Rate;
    }
}
