using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Softmax cross-entropy of logits <c>[N, C]</c> (or <c>[N, T, C]</c>) against class labels, as PyTorch's <c>CrossEntropyLoss</c>.
/// </summary>
public sealed class CrossEntropyLoss : Loss
{
    /// <inheritdoc/>
    public override string Name => "cross_entropy";

    /// <inheritdoc/>
    public override Tensor Compute(Tensor output, Tensor target) => Rows(output).CrossEntropy(target.Reshape(target.Numel));

    /// <inheritdoc/>
    public override (long Correct, long Counted) Score(Tensor output, Tensor target)
    {
        int classes = output.Shape[^1];
        var logits = output.Contiguous().Span;
        var labels = target.Contiguous().LongSpan;
        long correct = 0;
        for (int i = 0; i < labels.Length; i++)
            if (Reduce.ArgMax(logits.Slice(i * classes, classes)) == labels[i]) correct++;
        return (correct, labels.Length);
    }

    private static Tensor Rows(Tensor output) => output.Rank == 2 ? output : output.Reshape(-1, output.Shape[^1]);
}
