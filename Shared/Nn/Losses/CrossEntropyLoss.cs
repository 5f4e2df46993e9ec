using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Softmax cross-entropy of logits <c>[N, C]</c> (or <c>[N, T, C]</c>, the classes last) against class labels, as PyTorch's <c>CrossEntropyLoss</c>.
/// </summary>
/// <param name="weight">A weight for each class, 0 or more; null for none.</param>
/// <param name="ignoreIndex">A label that does not count; null for none.</param>
/// <param name="labelSmoothing">The share of the target that is spread over all classes, in [0, 1].</param>
public sealed class CrossEntropyLoss(float[]? weight = null, int? ignoreIndex = null, float labelSmoothing = 0f) : ClassLoss(weight, ignoreIndex)
{
    /// <inheritdoc/>
    public override string Name => "cross_entropy";

    /// <inheritdoc/>
    public override Tensor Compute(Tensor output, Tensor target) => Rows(output).CrossEntropy(target.Reshape(target.Numel), Reduction, ClassWeights, IgnoreIndex, labelSmoothing);
}
