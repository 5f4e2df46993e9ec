using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="Adamax"/>, with PyTorch's names and defaults.</summary>
/// <param name="Beta1">Decay of the gradient's average, in [0, 1).</param>
/// <param name="Beta2">Decay of the largest magnitude, in [0, 1).</param>
/// <param name="Epsilon">Added to the gradient's magnitude, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record AdamaxOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "Adamax";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 2e-3;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new AdamaxRule(this);
}

/// <summary>Adam with the largest magnitude in place of the average of squares.</summary>
public sealed class AdamaxRule : UpdateRule
{
    private static readonly string[] Averages = ["exp_avg", "exp_inf"];

    private readonly AdamaxOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdamaxRule(AdamaxOptions options)
    {
        OptionCheck.Share("Adamax", "beta1", options.Beta1);
        OptionCheck.Share("Adamax", "beta2", options.Beta2);
        OptionCheck.NotNegative("Adamax", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("Adamax", "weight decay", options.WeightDecay);
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
        OptimizerKernels.Adamax(
            parameters, gradients, state[0], state[1], destination, step, learningRate, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay, options.Maximize, gradientScale);
    }
}

/// <summary>Adam with the largest magnitude in place of the average of squares. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adamax.html">PyTorch's Adamax</see>.</summary>
public sealed class Adamax : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public Adamax(IEnumerable<Parameter> parameters, double learningRate = 2e-3, AdamaxOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new AdamaxOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public Adamax(params IEnumerable<ParameterGroup<AdamaxOptions>> groups) : base(groups)
    {
    }
}
