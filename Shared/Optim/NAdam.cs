using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="NAdam"/>, with PyTorch's names and defaults.</summary>
/// <param name="Beta1">Decay of the gradient's average, in [0, 1).</param>
/// <param name="Beta2">Decay of the squared gradient's average, in [0, 1).</param>
/// <param name="Epsilon">Added to the denominator, 0 or more.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="MomentumDecay">How quickly the momentum approaches its full size, 0 or more.</param>
/// <param name="Decoupled">The decay shrinks the weights, as AdamW's, and not the gradient.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record NAdamOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, double MomentumDecay = 4e-3, bool Decoupled = false, bool Maximize = false) : OptimizerOptions
{
    /// <inheritdoc/>
    public override string Name => "NAdam";

    /// <inheritdoc/>
    public override double DefaultLearningRate => 2e-3;

    /// <inheritdoc/>
    public override UpdateRule CreateRule() => new NAdamRule(this);
}

/// <summary>Adam with Nesterov's look-ahead.</summary>
public sealed class NAdamRule : UpdateRule
{
    private static readonly string[] Averages = ["exp_avg", "exp_avg_sq"];

    /// <summary>Products for steps 0, 1, …: a table that only grows, replaced as a whole, so that servers on several threads may read it.</summary>
    private double[] products = [1.0];

    private readonly NAdamOptions options;

    /// <summary>Makes the rule.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public NAdamRule(NAdamOptions options)
    {
        OptionCheck.Share("NAdam", "beta1", options.Beta1);
        OptionCheck.Share("NAdam", "beta2", options.Beta2);
        OptionCheck.NotNegative("NAdam", "epsilon", options.Epsilon);
        OptionCheck.NotNegative("NAdam", "weight decay", options.WeightDecay);
        OptionCheck.NotNegative("NAdam", "momentum decay", options.MomentumDecay);
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
        OptimizerKernels.NAdam(
            parameters, gradients, state[0], state[1], destination, step, MomentumProduct(step), learningRate, options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay, options.MomentumDecay,
            options.Decoupled, options.Maximize, gradientScale);
    }

    /// <summary>The product of the momenta of steps 1 … step, always multiplied in that order.</summary>
    private double MomentumProduct(long step)
    {
        var table = Volatile.Read(ref products);
        if (step >= table.Length)
        {
            int known = table.Length;
            Array.Resize(ref table, checked((int)Math.Max(2L * known, step + 1024)));
            for (int i = known; i < table.Length; i++) table[i] = table[i - 1] * OptimizerKernels.NAdamMomentum(options.Beta1, options.MomentumDecay, i);
            Volatile.Write(ref products, table);
        }
        return table[step];
    }
}

/// <summary>Adam with Nesterov's look-ahead. See <see href="https://pytorch.org/docs/2.6/generated/torch.optim.NAdam.html">PyTorch's NAdam</see>.</summary>
public sealed class NAdam : Optimizer
{
    /// <summary>Makes the optimizer of one group of parameters.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="learningRate">The learning rate, 0 or more.</param>
    /// <param name="options">The other options; PyTorch's defaults where none are given.</param>
    /// <exception cref="ArgumentException">There is no parameter or one is given twice; the learning rate or an option is out of range.</exception>
    public NAdam(IEnumerable<Parameter> parameters, double learningRate = 2e-3, NAdamOptions? options = null)
        : base(new ParameterGroup(parameters, learningRate, options ?? new NAdamOptions()))
    {
    }

    /// <summary>Makes the optimizer of several groups, each with its own learning rate and options.</summary>
    public NAdam(params IEnumerable<ParameterGroup<NAdamOptions>> groups) : base(groups)
    {
    }
}
