using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Losses against class labels, with weights of classes and a label that does not count. The mean divides by the sum of the counted labels' weights, and by that sum the parts of a split batch are weighted.
/// </summary>
public abstract class ClassLoss : Loss
{
    private readonly float[]? weights;

    private protected ClassLoss(float[]? weight, int? ignoreIndex)
    {
        if (weight is { } given && Array.FindIndex(given, w => !(w >= 0) || float.IsInfinity(w)) is >= 0 and var at)
            throw new ArgumentException($"{GetType().Name}: the weight of class {at} was {given[at]}, expected a finite number of 0 or more");
        weights = weight?.ToArray();
        if (weight == null) ClassWeights = null;
        else
        {
            var own = TensorMemory.EmptyPersistent(new Shape(weight.Length));
            weight.CopyTo(own.Span);
            ClassWeights = own;
        }
        Ignored = ignoreIndex;
    }

    /// <inheritdoc/>
    public override LearningTask Task => LearningTask.Classes;

    /// <summary>The label that does not count; null for none.</summary>
    public int? IgnoredLabel => Ignored;

    /// <inheritdoc/>
    public override bool IsUniform => weights == null && Ignored == null;

    /// <summary>The weight of each class, <c>[C]</c>; null for none.</summary>
    private protected Tensor? ClassWeights { get; }

    /// <summary>The label that does not count; null for none.</summary>
    private protected int? Ignored { get; }

    /// <summary>The label that does not count, as operations take it: one that no label can be where there is none.</summary>
    private protected int IgnoreIndex => Ignored ?? int.MinValue;

    /// <inheritdoc/>
    public override double Denominator(Tensor target)
    {
        // With probabilities the mean divides by the number of rows, as PyTorch's, whatever the weights.
        if (AreProbabilities(target)) return (double)target.Numel / target.Shape[^1];
        if (IsUniform) return base.Denominator(target);
        double sum = 0;
        foreach (long label in target.Contiguous().LongSpan)
        {
            if (label == Ignored) continue;
            if (weights != null && (ulong)label >= (ulong)weights.Length) throw new ArgumentException($"{GetType().Name}: label {label}, expected 0 to {weights.Length - 1}");
            sum += weights?[label] ?? 1.0;
        }
        return sum;
    }

    /// <inheritdoc/>
    public override (long Correct, long Counted) Score(Tensor output, Tensor target)
    {
        if (AreProbabilities(target)) return (0, 0);
        int classes = output.Shape[^1];
        var logits = output.Contiguous().Span;
        var labels = target.Contiguous().LongSpan;
        long correct = 0, counted = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == Ignored) continue;
            counted++;
            if (Reduce.ArgMax(logits.Slice(i * classes, classes)) == labels[i]) correct++;
        }
        return (correct, counted);
    }

    /// <summary>Outputs and labels as [N, C] and [N].</summary>
    /// <exception cref="ArgumentException">The labels are not one for each row of classes.</exception>
    private protected (Tensor Output, Tensor Target) Rows(Tensor output, Tensor target)
    {
        // As many labels in another order of dimensions would be compared with the wrong rows.
        if (output.Rank == 0 || target.Shape != output.Shape.Without(-1))
            throw new ArgumentException($"{GetType().Name}: output {output.Shape} and target {target.Shape}, expected [*, C] and [*], the classes last{(output.Rank > 1 && target.Shape == output.Shape.Without(1) ? "; Transpose or Permute puts them there" : "")}");
        return (Rows(output), target.Reshape(target.Numel));
    }

    /// <summary>[*, C] as [N, C].</summary>
    private protected static Tensor Rows(Tensor output) => output.Rank == 2 ? output : output.Reshape(-1, output.Shape[^1]);

    /// <summary>Whether targets are probabilities of classes, not labels.</summary>
    private protected static bool AreProbabilities(Tensor target) => target.Type == DType.Float32 && target.Rank > 0;
}
