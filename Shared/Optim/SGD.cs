using DistTrain.Nn;
using DistTrain.Simd;

namespace DistTrain.Optim;

/// <summary>Options of <see cref="SGD"/>, with PyTorch's names and defaults.</summary>
/// <param name="Momentum">Share of the last update that is kept, 0 or more.</param>
/// <param name="Dampening">Share of the gradient that momentum leaves out.</param>
/// <param name="WeightDecay">Factor of the weights that is added to the gradient, 0 or more.</param>
/// <param name="Nesterov">Looks ahead along the momentum; needs momentum and no dampening.</param>
/// <param name="Maximize">Goes up instead of down.</param>
public sealed record SGDOptions(double Momentum = 0, double Dampening = 0, double WeightDecay = 0, bool Nesterov = false, bool Maximize = false);

/// <summary>Stochastic gradient descent: https://pytorch.org/docs/stable/generated/torch.optim.SGD.html.</summary>
public sealed class SGDRule(SGDOptions options) : UpdateRule
{
    private static readonly string[] WithMomentum = ["momentum_buffer"];

    /// <inheritdoc/>
    public override string Name => "SGD";

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => options.Momentum != 0 ? WithMomentum : [];

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination) =>
        Autograd.CrossEntropyStub.Sgd((float)learningRate, (float)options.Momentum, gradientScale, step == 1, parameters, gradients, options.Momentum != 0 ? state[0] : default, destination);
}

/// <summary>Stochastic gradient descent with momentum, weight decay and Nesterov's look-ahead, as PyTorch's <c>SGD</c>.</summary>
/// <param name="parameters">What to update.</param>
/// <param name="learningRate">The learning rate, 0 or more.</param>
/// <param name="momentum">Share of the last update that is kept, 0 or more.</param>
public sealed class SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum = 0) : Optimizer(new SGDRule(new SGDOptions(momentum)), parameters, learningRate);
