namespace DistTrain.Nn;

/// <summary>
/// How a buffer moves on from what a training step observed: the counterpart of an optimizer's rule for state that no gradient trains. In a job the pieces of a step leave what they observed
/// in the gradient's buffers' region, the tree averages it like gradients, and the owner of the weights applies this once per step.
/// </summary>
public abstract record BufferUpdate
{
    /// <summary>Computes the next value of a slice. All spans have the same length; <paramref name="destination"/> may be <paramref name="current"/> itself.</summary>
    /// <param name="step">The number of this update, from 1.</param>
    /// <param name="current">The buffer's elements.</param>
    /// <param name="observed">What the step observed.</param>
    /// <param name="destination">Receives the next elements.</param>
    public abstract void Apply(long step, ReadOnlySpan<float> current, ReadOnlySpan<float> observed, Span<float> destination);
}

/// <summary>running + momentum · (observed − running): BatchNorm's running statistics.</summary>
/// <param name="Momentum">The share of the new observation, in [0, 1]; null for the plain average of all observations (1/step).</param>
public sealed record RunningAverage(double? Momentum = 0.1) : BufferUpdate
{
    /// <inheritdoc/>
    public override void Apply(long step, ReadOnlySpan<float> current, ReadOnlySpan<float> observed, Span<float> destination)
    {
        float share = (float)(Momentum ?? 1.0 / step);
        for (int i = 0; i < destination.Length; i++)
        {
            float change = share * (observed[i] - current[i]);
            destination[i] = current[i] + change;
        }
    }
}

/// <summary>Counts training steps: BatchNorm's <c>num_batches_tracked</c>.</summary>
public sealed record StepCount : BufferUpdate
{
    /// <inheritdoc/>
    public override void Apply(long step, ReadOnlySpan<float> current, ReadOnlySpan<float> observed, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++) destination[i] = current[i] + 1f;
    }
}
