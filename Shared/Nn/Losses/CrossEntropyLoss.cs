using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Softmax cross-entropy of logits <c>[N, C]</c> (or <c>[N, T, C]</c>, the classes last) against class labels <c>[N]</c> (or <c>[N, T]</c>), as PyTorch's <c>CrossEntropyLoss</c>; or
/// against probabilities of the logits' shape, in hand-written loops.
/// </summary>
/// <param name="weight">A weight for each class, 0 or more; null for none.</param>
/// <param name="ignoreIndex">A label that does not count; null for none.</param>
/// <param name="labelSmoothing">The share of the target that is spread over all classes, in [0, 1].</param>
public sealed class CrossEntropyLoss(float[]? weight = null, int? ignoreIndex = null, float labelSmoothing = 0f) : ClassLoss(weight, ignoreIndex)
{
    /// <inheritdoc/>
    public override string Name => "cross_entropy";

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Labels are not one for each row of logits, or there is a label to ignore where targets are probabilities.</exception>
    public override Tensor Compute(Tensor output, Tensor target)
    {
        if (AreProbabilities(target) && target.Shape == output.Shape) return Rows(output).CrossEntropy(Rows(target), Reduction, ClassWeights, IgnoreIndex, labelSmoothing);
        var (logits, labels) = Rows(output, target);
        return logits.CrossEntropy(labels, Reduction, ClassWeights, IgnoreIndex, labelSmoothing);
    }
}
