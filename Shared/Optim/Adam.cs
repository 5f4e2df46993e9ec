using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="Adam"/>, with PyTorch's names and defaults.</summary>
/// <param name="Beta1">Decay of the gradient's average, in [0, 1).</param>
/// <param name="Beta2">Decay of the squared gradient's average, in [0, 1).</param>
/// <param name="Epsilon">Added to the denominator, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="AmsGrad">Divides by the largest average of squares so far (AMSGrad).</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record AdamOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, bool AmsGrad = false, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "Adam";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-3;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new AdamRule(this);
}

/// <summary>Adam: steps scaled by running averages of the gradient and its square.</summary>
public sealed class AdamRule : UpdateRule
{
    private static readonly string[] Plain = ["exp_avg", "exp_avg_sq"];
    private static readonly string[] WithLargest = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    private readonly AdamOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdamRule(AdamOptions options)
    {
        OptionCheck.Share("Adam", "beta1", options.Beta1);
        OptionCheck.Share("Adam", "beta2", options.Beta2);
        OptionCheck.NotNegative("Adam", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("Adam", "weight decay", options.WeightDecay);
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => options.AmsGrad ? WithLargest : Plain;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        var largest = options.AmsGrad ? state[2] : default;
        OptimizerKernels.Adam(
            parameters, gradients, state[0], state[1], largest, destination, step, learningRate, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay, decoupled: false, options.Maximize, gradientScale);
    }
}

/// <summary>Adam: steps scaled by running averages of the gradient and its square. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adam.html">PyTorch's Adam</see>.</summary>
public sealed class Adam : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public Adam(IEnumerable<Parameter> parameters, double learningRate = 1e-3, AdamOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new AdamOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public Adam(params IEnumerable<ParameterGroup<AdamOptions>> groups) : base(groups)
    {
    }
}
