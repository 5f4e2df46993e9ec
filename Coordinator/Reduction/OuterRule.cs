using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// The outer optimizer of <c>local:H</c>: the shards' average change, seen as a gradient, through SGD with Nesterov momentum (DiLoCo, arXiv:2311.08105). Running statistics take the average as it is.
/// </summary>
public sealed class OuterRule(ParameterLayout layout, OuterOptions options) : UpdateRule
{
    private readonly SGDRule nesterov = new(new SGDOptions(Momentum: options.Momentum, Nesterov: options.Momentum > 0));

    /// <inheritdoc/>
    public override string Name => "DiLoCo";

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => nesterov.StateNames;

    /// <inheritdoc/>
    public override void Apply(
        long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination)
    {
        if (!layout.Buffers.IsEmpty && state.Position >= layout.Buffers[0].Offset) GradientKernels.ScaledSum(parameters, 1f, gradients, -1f, destination);
        else nesterov.Apply(step, learningRate, gradientScale, parameters, gradients, state, destination);
    }
}
