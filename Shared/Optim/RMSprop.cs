using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="RMSprop"/>, with PyTorch's names and defaults.</summary>
/// <param name="Alpha">Decay of the averages, 0 or more.</param>
/// <param name="Epsilon">Added to the denominator, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Momentum">Share of the last update that is kept, 0 or more.</param>
/// <param name="Centered">Divides by the standard deviation instead of the root mean square.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record RMSpropOptions(double Alpha = 0.99, double Epsilon = 1e-8, double WeightDecay = 0, double Momentum = 0, bool Centered = false, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "RMSprop";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-2;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new RMSpropRule(this);
}

/// <summary>Steps divided by the root of a running average of the squared gradient.</summary>
public sealed class RMSpropRule : UpdateRule
{
    private readonly string[] names;
    private readonly RMSpropOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public RMSpropRule(RMSpropOptions options)
    {
        OptionCheck.NotNegative("RMSprop", "alpha", options.Alpha);
        OptionCheck.NotNegative("RMSprop", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("RMSprop", "weight decay", options.WeightDecay);
        OptionCheck.NotNegative("RMSprop", "momentum", options.Momentum);
        names = ["square_avg", .. options.Centered ? ["grad_avg"] : Array.Empty<string>(), .. options.Momentum != 0 ? ["momentum_buffer"] : Array.Empty<string>()];
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => names;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        var average = options.Centered ? state[1] : default;
        var momentum = options.Momentum != 0 ? state[options.Centered ? 2 : 1] : default;
        OptimizerKernels.RmsProp(
            parameters, gradients, state[0], average, momentum, destination, learningRate, options.Alpha, options.Epsilon, options.WeightDecay, options.Momentum, options.Maximize, gradientScale);
    }
}

/// <summary>Steps divided by the root of a running average of the squared gradient. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.RMSprop.html">PyTorch's RMSprop</see>.</summary>
public sealed class RMSprop : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public RMSprop(IEnumerable<Parameter> parameters, double learningRate = 1e-2, RMSpropOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new RMSpropOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public RMSprop(params IEnumerable<ParameterGroup<RMSpropOptions>> groups) : base(groups)
    {
    }
}
