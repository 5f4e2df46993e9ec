using DistTrain.Nn;

namespace DistTrain.Optim;

/// <summary>Parameters that are updated alike: with the same options and learning rate.</summary>
public class ParameterGroup
{
    private double learningRate;

    /// <summary>Makes a group.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options.</param>
    /// <exception cref="ArgumentException">The learning rate or an option is out of range.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, double learningRate, OptimizerOptions options) : this(parameters, learningRate, options.CreateRule())
    {
    }

    /// <summary>Makes a group that a rule updates.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="rule">The arithmetic.</param>
    /// <exception cref="ArgumentException">The learning rate is out of range.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, double learningRate, UpdateRule rule)
    {
        Rule = rule;
        LearningRate = learningRate;
        Parameters = [.. parameters];
    }

    /// <summary>What is updated.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The arithmetic.</summary>
    public UpdateRule Rule { get; }

    /// <summary>The rate that a schedule started from, PyTorch's <c>initial_lr</c>: set by the first <see cref="LRScheduler"/>, and saved with the optimizer. Null before.</summary>
    public double? InitialLearningRate { get; set; }

    /// <summary>The rate of the steps to come, 0 or more.</summary>
    /// <exception cref="ArgumentException">Set to a negative number, to NaN or to infinity.</exception>
    public double LearningRate
    {
        get => learningRate;
        set
        {
            OptionCheck.NotNegative(Rule.Name, "the learning rate", value);
            learningRate = value;
        }
    }
}

/// <summary>Parameters that an optimizer of one kind updates alike.</summary>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public sealed class ParameterGroup<TOptions> : ParameterGroup where TOptions : OptimizerOptions
{
    /// <summary>Makes a group.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="options">The options.</param>
    /// <param name="learningRate">The learning rate, 0 or more; PyTorch's default where none is given.</param>
    /// <exception cref="ArgumentException">The learning rate or an option is out of range.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, TOptions options, double? learningRate = null) : base(parameters, learningRate ?? options.DefaultLearningRate, options)
    {
    }
}
