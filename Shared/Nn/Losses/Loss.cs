using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// What training makes small: a mean over a batch, and the denominator of that mean, by which the parts of a split batch are weighted.
/// </summary>
public abstract class Loss
{
    /// <summary>The name, as in a job file.</summary>
    public abstract string Name { get; }

    /// <summary>What outputs mean to metrics.</summary>
    public virtual LearningTask Task => LearningTask.Other;

    /// <summary>How the losses of elements become one; jobs need means.</summary>
    public Reduction Reduction { get; init; } = Reduction.Mean;

    /// <summary>The loss of a batch: a scalar, unless nothing is reduced.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">The targets.</param>
    public abstract Tensor Compute(Tensor output, Tensor target);

    /// <summary>
    /// The denominator of the mean for these targets: their number, unless classes are weighted or ignored. A batch whose denominator is 0 has no loss.
    /// </summary>
    public virtual double Denominator(Tensor target) => target.Rank == 0 ? 1 : target.Shape.Numel;

    /// <summary>Whether <see cref="Denominator"/> is in proportion to the number of samples whatever the targets are, so that it need not be exchanged.</summary>
    public virtual bool IsUniform => true;

    /// <summary>How many predictions are right, and out of how many; zeros where being right means nothing.</summary>
    public virtual (long Correct, long Counted) Score(Tensor output, Tensor target) => (0, 0);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
