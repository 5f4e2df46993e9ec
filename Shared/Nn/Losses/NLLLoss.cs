using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>The negative log-likelihood of log-probabilities <c>[N, C]</c> (or <c>[N, T, C]</c>, the classes last) against class labels, as PyTorch's <c>NLLLoss</c>.</summary>
/// <param name="weight">A weight for each class, 0 or more; null for none.</param>
/// <param name="ignoreIndex">A label that does not count; null for none.</param>
public sealed class NLLLoss(float[]? weight = null, int? ignoreIndex = null) : ClassLoss(weight, ignoreIndex)
{
    /// <inheritdoc/>
    public override string Name => "nll_loss";

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Labels are not one for each row of log-probabilities.</exception>
    public override Tensor Compute(Tensor output, Tensor target)
    {
        var (logProbabilities, labels) = Rows(output, target);
        return logProbabilities.NllLoss(labels, Reduction, ClassWeights, IgnoreIndex);
    }
}
