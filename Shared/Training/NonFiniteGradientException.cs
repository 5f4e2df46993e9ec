namespace DistTrain.Training;

/// <summary>A step's averaged gradient is not finite, and the job does not skip such steps.</summary>
/// <param name="step">The step, from 0.</param>
public sealed class NonFiniteGradientException(long step) : Exception($"step {step}: the averaged gradient is not finite; a lower learning rate or clipping may help, and OnNonFinite.Skip leaves such steps out")
{
    /// <summary>The step, from 0.</summary>
    public long Step { get; } = step;
}
