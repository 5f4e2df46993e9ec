using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="SGD"/>, with PyTorch's names and defaults.</summary>
/// <param name="Momentum">Share of the last update that is kept, 0 or more.</param>
/// <param name="Dampening">Share of the gradient that momentum leaves out.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Nesterov">Looks ahead along the momentum; needs momentum and no dampening.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record SGDOptions(double Momentum = 0, double Dampening = 0, double WeightDecay = 0, bool Nesterov = false, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "SGD";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-3;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new SGDRule(this);
}

/// <summary>Stochastic gradient descent with momentum, weight decay and Nesterov's look-ahead.</summary>
public sealed class SGDRule : UpdateRule
{
    private static readonly string[] WithMomentum = ["momentum_buffer"];

    private readonly SGDOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public SGDRule(SGDOptions options)
    {
        OptionCheck.NotNegative("SGD", "momentum", options.Momentum);
        OptionCheck.NotNegative("SGD", "weight decay", options.WeightDecay);
        OptionCheck.Require(double.IsFinite(options.Dampening), "SGD", $"dampening was {options.Dampening}, expected a finite number");
        OptionCheck.Require(!options.Nesterov || (options.Momentum > 0 && options.Dampening == 0), "SGD", $"nesterov needs momentum above 0 and dampening 0, they were {options.Momentum} and {options.Dampening}");
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => options.Momentum != 0 ? WithMomentum : [];

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        var momentum = options.Momentum != 0 ? state[0] : default;
        OptimizerKernels.Sgd(parameters, gradients, momentum, destination, step, learningRate, options.Momentum, options.Dampening, options.WeightDecay, options.Nesterov, options.Maximize, gradientScale);
    }
}

/// <summary>Stochastic gradient descent with momentum, weight decay and Nesterov's look-ahead. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.SGD.html">PyTorch's SGD</see>.</summary>
public sealed class SGD : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public SGD(IEnumerable<Parameter> parameters, double learningRate = 1e-3, SGDOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new SGDOptions()))
    {
    }

    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="momentum">Share of the last update that is kept, 0 or more.</param>
    public SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum) : this(parameters, learningRate, new SGDOptions(momentum))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public SGD(params IEnumerable<ParameterGroup<SGDOptions>> groups) : base(groups)
    {
    }
}
