using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="Adadelta"/>, with PyTorch's names and defaults.</summary>
/// <param name="Rho">Decay of the averages, in [0, 1].</param>
/// <param name="Epsilon">Added under the roots, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record AdadeltaOptions(double Rho = 0.9, double Epsilon = 1e-6, double WeightDecay = 0, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "Adadelta";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1.0;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new AdadeltaRule(this);
}

/// <summary>Steps as large as the running average of past steps, relative to that of the gradients.</summary>
public sealed class AdadeltaRule : UpdateRule
{
    private static readonly string[] Averages = ["square_avg", "acc_delta"];

    private readonly AdadeltaOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdadeltaRule(AdadeltaOptions options)
    {
        OptionCheck.Require(options.Rho >= 0 && options.Rho <= 1, "Adadelta", $"rho was {options.Rho}, expected 0 to 1");
        OptionCheck.NotNegative("Adadelta", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("Adadelta", "weight decay", options.WeightDecay);
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
        OptimizerKernels.Adadelta(parameters, gradients, state[0], state[1], destination, learningRate, options.Rho, options.Epsilon, options.WeightDecay, options.Maximize, gradientScale);
    }
}

/// <summary>Steps as large as the running average of past steps, relative to that of the gradients. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adadelta.html">PyTorch's Adadelta</see>.</summary>
public sealed class Adadelta : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public Adadelta(IEnumerable<Parameter> parameters, double learningRate = 1.0, AdadeltaOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new AdadeltaOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public Adadelta(params IEnumerable<ParameterGroup<AdadeltaOptions>> groups) : base(groups)
    {
    }
}
