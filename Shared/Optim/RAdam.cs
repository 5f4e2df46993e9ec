using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="RAdam"/>, with PyTorch's names and defaults.</summary>
/// <param name="Beta1">Decay of the gradient's average, in [0, 1).</param>
/// <param name="Beta2">Decay of the squared gradient's average, in [0, 1).</param>
/// <param name="Epsilon">Added to the denominator, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Decoupled">The decay shrinks the weights, as AdamW's, and not the gradient.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record RAdamOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, bool Decoupled = false, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "RAdam";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-3;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new RAdamRule(this);
}

/// <summary>Adam whose first steps are plain, until the variance of its averages is known well enough.</summary>
public sealed class RAdamRule : UpdateRule
{
    private static readonly string[] Averages = ["exp_avg", "exp_avg_sq"];

    private readonly RAdamOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public RAdamRule(RAdamOptions options)
    {
        OptionCheck.Share("RAdam", "beta1", options.Beta1);
        OptionCheck.Share("RAdam", "beta2", options.Beta2);
        OptionCheck.NotNegative("RAdam", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("RAdam", "weight decay", options.WeightDecay);
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => Averages;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        OptimizerKernels.RAdam(
            parameters, gradients, state[0], state[1], destination, step, learningRate, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay, options.Decoupled, options.Maximize, gradientScale);
    }
}

/// <summary>Adam whose first steps are plain, until the variance of its averages is known well enough. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.RAdam.html">PyTorch's RAdam</see>.</summary>
public sealed class RAdam : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public RAdam(IEnumerable<Parameter> parameters, double learningRate = 1e-3, RAdamOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new RAdamOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public RAdam(params IEnumerable<ParameterGroup<RAdamOptions>> groups) : base(groups)
    {
    }
}
