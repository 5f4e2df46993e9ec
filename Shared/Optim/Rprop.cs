using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="Rprop"/>, with PyTorch's names and defaults.</summary>
/// <param name="EtaMinus">Factor on the step where the sign turned, in (0, 1).</param>
/// <param name="EtaPlus">Factor on the step where the sign stayed, above 1.</param>
/// <param name="SmallestStep">The least step, 0 or more.</param>
/// <param name="LargestStep">The greatest step.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record RpropOptions(double EtaMinus = 0.5, double EtaPlus = 1.2, double SmallestStep = 1e-6, double LargestStep = 50, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "Rprop";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-2;

    /// <summary>Rprop has no weight decay in PyTorch: always 0.</summary>
    public override double WeightDecay
    {
        get => 0;
        init => OptionCheck.Require(value == 0, "Rprop", $"weight decay was {value}, but Rprop has none: expected 0");
    }

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new RpropRule(this);
}

/// <summary>Resilient backpropagation: each element has a step of its own, which grows while the gradient keeps its sign. The learning rate is the first step's size.</summary>
public sealed class RpropRule : UpdateRule
{
    private static readonly string[] Steps = ["prev", "step_size"];

    private readonly RpropOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public RpropRule(RpropOptions options)
    {
        OptionCheck.Require(options.EtaMinus > 0 && options.EtaMinus < 1 && options.EtaPlus > 1 && double.IsFinite(options.EtaPlus), "Rprop", $"the etas were {options.EtaMinus} and {options.EtaPlus}, expected 0 < etaMinus < 1 < etaPlus");
        OptionCheck.Require(options.SmallestStep >= 0 && options.SmallestStep <= options.LargestStep, "Rprop", $"the step sizes were {options.SmallestStep} to {options.LargestStep}, expected 0 or more, the smallest first");
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => Steps;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        var sizes = state[1];
        if (step == 1) sizes.Fill((float)learningRate);
        OptimizerKernels.Rprop(parameters, gradients, state[0], sizes, destination, options.EtaMinus, options.EtaPlus, options.SmallestStep, options.LargestStep, options.Maximize, gradientScale);
    }
}

/// <summary>Resilient backpropagation: each element has a step of its own, which grows while the gradient keeps its sign. The learning rate is the first step's size. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Rprop.html">PyTorch's Rprop</see>.</summary>
public sealed class Rprop : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public Rprop(IEnumerable<Parameter> parameters, double learningRate = 1e-2, RpropOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new RpropOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public Rprop(params IEnumerable<ParameterGroup<RpropOptions>> groups) : base(groups)
    {
    }
}
