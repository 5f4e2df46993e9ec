using DistTrain.Nn;

namespace DistTrain.Optim;

/// <summary>The update of a module's buffer as a rule over slices, so that running statistics travel and move on as weights do. Learning rate and clipping do not touch it.</summary>
/// <param name="update">The buffer's update.</param>
public sealed class BufferRule(BufferUpdate update) : UpdateRule
{
    /// <inheritdoc/>
    public override string Name => update.GetType().Name;

    /// <inheritdoc/>
    public override IReadOnlyList<string> StateNames => [];

    /// <inheritdoc/>
    public override void Apply(long step, double learningRate, float gradientScale, ReadOnlySpan<float> parameters, ReadOnlySpan<float> gradients, StateSlices state, Span<float> destination) =>
        update.Apply(step, parameters, gradients, destination);
}
