namespace DistTrain.Optim;

/// <summary>
/// The options of an optimizer, with PyTorch's names and defaults; each optimizer has its own record. The learning rate is not among them: it belongs to the job or the parameter group and follows a schedule.
/// </summary>
public abstract record OptimizerOptions
{
    /// <summary>The name of PyTorch's class: SGD, Adam, AdamW, ...</summary>
    public abstract string Name { get; }

    /// <summary>The learning rate that PyTorch takes when none is given.</summary>
    public abstract double DefaultLearningRate { get; }

    /// <summary>The L2 penalty (or AdamW's decay), 0 or more.</summary>
    public abstract double WeightDecay { get; init; }

    /// <summary>Makes the arithmetic that goes with these options.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names the optimizer and the option.</exception>
    public abstract UpdateRule CreateRule();
}
