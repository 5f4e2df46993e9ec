using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor logits)
    {
        /// <summary>
        /// Softmax cross-entropy of logits against class labels, as PyTorch's <c>cross_entropy</c>: logits <c>[N, C]</c> and labels <c>[N]</c>, <c>[C]</c> and a scalar, or <c>[N, C, d1, …]</c> and
        /// <c>[N, d1, …]</c>.
        /// </summary>
        /// <param name="target">Class labels (Int64), each in [0, C) or <paramref name="ignoreIndex"/>; or probabilities (Float32) of the logits' shape.</param>
        /// <param name="reduction">The mean divides by the sum of the counted labels' weights, with probabilities by their number; it is NaN where none counts.</param>
        /// <param name="weight">A weight for each class, <c>[C]</c>; none if null. No gradient flows to it.</param>
        /// <param name="ignoreIndex">A label that does not count; one of 0 or more does not go with probabilities.</param>
        /// <param name="labelSmoothing">The share of the target that is spread over all classes, in [0, 1]: https://arxiv.org/abs/1512.00567.</param>
        /// <exception cref="ArgumentException">Shapes or types do not fit, or a label is out of range.</exception>
        public Tensor CrossEntropy(Tensor target, Reduction reduction = Reduction.Mean, Tensor? weight = null, int ignoreIndex = -100, float labelSmoothing = 0f)
        {
            Types.RequireFloat(logits, "CrossEntropy");
            if (target.Type == DType.Float32 && logits.Rank > 0 && target.Shape == logits.Shape) return OfProbabilities(logits, target, reduction, weight, ignoreIndex, labelSmoothing);
            Types.RequireIndices(target, "CrossEntropy");
            if (!(labelSmoothing >= 0f && labelSmoothing <= 1f)) throw new ArgumentException($"CrossEntropy: labelSmoothing was {labelSmoothing}, expected 0 to 1");
            if (reduction == Reduction.BatchMean) throw new ArgumentException("CrossEntropy: the reduction was BatchMean, expected Mean, Sum or None");
            if (logits.Rank == 0 || logits.Rank == 1 && target.Rank != 0 || logits.Rank > 1 && target.Shape != logits.Shape.Without(1))
                throw new ArgumentException($"CrossEntropy: logits {logits.Shape} and target {target.Shape}, expected [N, C] and [N], or [N, C, d1, ...] and [N, d1, ...]");
            int classes = logits.Rank == 1 ? logits.Shape[0] : logits.Shape[1];
            if (weight is { } w && (w.Type != DType.Float32 || w.Rank != 1 || w.Shape[0] != classes)) throw new ArgumentException($"CrossEntropy: the weight has shape {w.Shape} and holds {w.Type}, expected Float32 [{classes}]");

            Tensor input = ClassesLast(logits).Contiguous(), labels = target.Contiguous(), weights = weight?.Detach().Contiguous() ?? default;
            int rows = labels.Numel;
            Labels.Check(labels.LongSpan, classes, "CrossEntropy", ignoreIndex);
            Tensor losses = TensorMemory.Empty(target.Shape), logSumExp = TensorMemory.Empty(new Shape(rows));
            double denominator = Simd.CrossEntropy.Forward(rows, classes, input.Span, labels.LongSpan, weight == null ? default : weights.Span, ignoreIndex, labelSmoothing, losses.Span, logSumExp.Span);
            float divisor = reduction == Reduction.Mean ? (float)denominator : 1f;
            var y = reduction == Reduction.None ? losses : Tensor.Scalar(Reduce.Sum(losses.Span) / divisor);
            if (Recorder.Record<CrossEntropyRule>(y, input) is { } rule)
            {
                (rule.Logits, rule.Classes, rule.LogSumExp, rule.Factor) = (input, labels, logSumExp, 1f / divisor);
                (rule.IgnoreIndex, rule.Smoothing, rule.Weighted, rule.EachRow) = (ignoreIndex, labelSmoothing, weight != null, reduction == Reduction.None);
                if (weight != null) rule.Weights = weights;
            }
            return y;
        }
    }

    /// <summary>−Σ t·w·ln softmax(x) over the classes, which need not be labels: composed, since it is rare.</summary>
    private static Tensor OfProbabilities(Tensor logits, Tensor target, Reduction reduction, Tensor? weight, int ignoreIndex, float smoothing)
    {
        if (ignoreIndex >= 0) throw new ArgumentException($"CrossEntropy: ignoreIndex was {ignoreIndex}, which does not go with targets that are probabilities");
        if (!(smoothing >= 0f && smoothing <= 1f)) throw new ArgumentException($"CrossEntropy: labelSmoothing was {smoothing}, expected 0 to 1");
        if (reduction == Reduction.BatchMean) throw new ArgumentException("CrossEntropy: the reduction was BatchMean, expected Mean, Sum or None");
        Tensor x = ClassesLast(logits), t = ClassesLast(target);
        int classes = x.Shape[^1];
        if (weight is { } w && (w.Type != DType.Float32 || w.Rank != 1 || w.Shape[0] != classes)) throw new ArgumentException($"CrossEntropy: the weight has shape {w.Shape} and holds {w.Type}, expected Float32 [{classes}]");
        if (smoothing != 0f) t = t.Scale(1f - smoothing).AddScalar(smoothing / classes);
        if (weight is { } weights) t = t.Mul(weights);
        var losses = x.LogSoftmax(-1).Mul(t).Sum(-1).Neg();
        return reduction switch { Reduction.None => losses, Reduction.Sum => losses.Sum(), _ => losses.Mean() };
    }

    /// <summary>[N, C, d1, …] as [N, d1, …, C].</summary>
    private static Tensor ClassesLast(Tensor x)
    {
        if (x.Rank <= 2) return x;
        Span<int> order = stackalloc int[x.Rank];
        order[^1] = 1;
        for (int d = 2; d < x.Rank; d++) order[d - 1] = d;
        return x.Permute(order);
    }

    private sealed class CrossEntropyRule : Rule
    {
        public Saved Logits;
        public Saved Classes;
        public Saved LogSumExp;
        public Saved Weights;
        public float Factor;
        public long IgnoreIndex;
        public float Smoothing;
        public bool Weighted;
        public bool EachRow;

        protected override void Backward(Tensor gradient)
        {
            Tensor x = Logits.Get(this), labels = Classes.Get(this);
            var target = Target(0, out bool accumulate);
            Simd.CrossEntropy.Backward(
                labels.Numel, x.Shape[^1], x.Span, labels.LongSpan, Weighted ? Weights.Get(this).Span : default, IgnoreIndex, Smoothing, LogSumExp.Get(this).Span,
                EachRow ? 1f : gradient.Item() * Factor, EachRow ? gradient.Span : default, target, accumulate);
        }

        protected override void Forget() => Logits = Classes = LogSumExp = Weights = default;
    }
}
