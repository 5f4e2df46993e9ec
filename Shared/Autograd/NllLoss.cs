using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor logProbabilities)
    {
        /// <summary>
        /// The negative log-likelihood −x[label] of class labels, as PyTorch's <c>nll_loss</c>: log-probabilities <c>[N, C]</c> and labels <c>[N]</c>, or <c>[N, C, d1, …]</c> and <c>[N, d1, …]</c>.
        /// </summary>
        /// <param name="target">Class labels (Int64), each in [0, C) or <paramref name="ignoreIndex"/>.</param>
        /// <param name="reduction">The mean divides by the sum of the counted labels' weights.</param>
        /// <param name="weight">A weight for each class, <c>[C]</c>; none if null.</param>
        /// <param name="ignoreIndex">A label that does not count.</param>
        /// <exception cref="ArgumentException">Shapes or types do not fit, or a label is out of range.</exception>
        public Tensor NllLoss(Tensor target, Reduction reduction = Reduction.Mean, Tensor? weight = null, int ignoreIndex = -100)
        {
            Types.RequireFloat(logProbabilities, "NllLoss");
            Types.RequireIndices(target, "NllLoss");
            if (reduction == Reduction.BatchMean) throw new ArgumentException("NllLoss: the reduction was BatchMean, expected Mean, Sum or None");
            if (logProbabilities.Rank < 2 || target.Shape != logProbabilities.Shape.Without(1))
                throw new ArgumentException($"NllLoss: log-probabilities {logProbabilities.Shape} and target {target.Shape}, expected [N, C] and [N], or [N, C, d1, ...] and [N, d1, ...]");
            int classes = logProbabilities.Shape[1];
            if (weight is { } given && (given.Type != DType.Float32 || given.Rank != 1 || given.Shape[0] != classes)) throw new ArgumentException($"NllLoss: the weight has shape {given.Shape} and holds {given.Type}, expected Float32 [{classes}]");

            Tensor input = ClassesLast(logProbabilities).Contiguous(), labels = target.Contiguous();
            Labels.Check(labels.LongSpan, classes, "NllLoss", ignoreIndex);
            // Each row's share of the loss: its class' weight, or nothing.
            Tensor shares = TensorMemory.Empty(target.Shape), losses = TensorMemory.Empty(target.Shape);
            Span<float> share = shares.Span, loss = losses.Span;
            var weights = weight is { } w ? w.Detach().Contiguous().Span : default;
            ReadOnlySpan<long> classOf = labels.LongSpan;
            ReadOnlySpan<float> x = input.Span;
            double denominator = 0;
            for (int i = 0; i < loss.Length; i++)
            {
                long label = classOf[i];
                share[i] = label == ignoreIndex ? 0f : weight == null ? 1f : weights[(int)label];
                loss[i] = label == ignoreIndex ? 0f : -share[i] * x[i * classes + (int)label];
                denominator += share[i];
            }
            float divisor = reduction == Reduction.Mean ? (float)denominator : 1f;
            var y = reduction == Reduction.None ? losses : Tensor.Scalar(Reduce.Sum(loss) / divisor);
            if (Recorder.Record<NllLossRule>(y, input) is { } rule)
                (rule.Classes, rule.Shares, rule.Factor, rule.EachRow) = (labels, shares, 1f / divisor, reduction == Reduction.None);
            return y;
        }
    }

    private sealed class NllLossRule : Rule
    {
        public Saved Classes;
        public Saved Shares;
        public float Factor;
        public bool EachRow;

        protected override void Backward(Tensor gradient)
        {
            var labels = Classes.Get(this).LongSpan;
            var shares = Shares.Get(this).Span;
            var g = gradient.Span;
            int classes = InputShape(0)[^1];
            var target = Target(0, out bool accumulate);
            if (!accumulate) target.Clear();
            for (int i = 0; i < labels.Length; i++)
                if (shares[i] != 0f) target[i * classes + (int)labels[i]] -= shares[i] * (EachRow ? g[i] : g[0] * Factor);
        }

        protected override void Forget() => Classes = Shares = default;
    }
}
