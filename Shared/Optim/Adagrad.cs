using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="Adagrad"/>, with PyTorch's names and defaults.</summary>
/// <param name="LearningRateDecay">The rate is divided by 1 + (step − 1) times this.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="InitialAccumulator">What the sum of squares starts with, 0 or more.</param>
/// <param name="Epsilon">Added to the denominator, 0 or more.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record AdagradOptions(double LearningRateDecay = 0, double WeightDecay = 0, double InitialAccumulator = 0, double Epsilon = 1e-10, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "Adagrad";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 1e-2;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new AdagradRule(this);
}

/// <summary>Steps divided by the root of the sum of all squared gradients.</summary>
public sealed class AdagradRule : UpdateRule
{
    private static readonly string[] Sum = ["sum"];

    private readonly AdagradOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdagradRule(AdagradOptions options)
    {
        OptionCheck.NotNegative("Adagrad", "learning rate decay", options.LearningRateDecay);
        OptionCheck.NotNegative("Adagrad", "weight decay", options.WeightDecay);
        OptionCheck.NotNegative("Adagrad", "initial accumulator value", options.InitialAccumulator);
        OptionCheck.NotNegative("Adagrad", "epsilon", options.Epsilon);
        this.options = options;
    }

    /// <inheritdoc/>
    public override string Name => options.Name;

    /// <inheritdoc/>
    public override OptimizerOptions Options => options;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => Sum;

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        var sum = state[0];
        if (step == 1) sum.Fill((float)options.InitialAccumulator);
        OptimizerKernels.Adagrad(parameters, gradients, sum, destination, step, learningRate, options.LearningRateDecay, options.WeightDecay, options.Epsilon, options.Maximize, gradientScale);
    }
}

/// <summary>Steps divided by the root of the sum of all squared gradients. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.Adagrad.html">PyTorch's Adagrad</see>.</summary>
public sealed class Adagrad : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public Adagrad(IEnumerable<Parameter> parameters, double learningRate = 1e-2, AdagradOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new AdagradOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public Adagrad(params IEnumerable<ParameterGroup<AdagradOptions>> groups) : base(groups)
    {
    }
}
