using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor input)
    {
        /// <summary>(input − target)², reduced; input or target may broadcast to the other, as in all losses of this kind. Gradients flow to both.</summary>
        /// <exception cref="ArgumentException">Neither broadcasts to the other: [N, 1] and [N] would compare every element with every other.</exception>
        public Tensor MseLoss(Tensor target, Reduction reduction = Reduction.Mean) => LossOf(input, target, default(SquaredError), reduction, "MseLoss");

        /// <summary>|input − target|, reduced.</summary>
        public Tensor L1Loss(Tensor target, Reduction reduction = Reduction.Mean) => LossOf(input, target, default(AbsoluteError), reduction, "L1Loss");

        /// <summary>½·d² for d = |input − target| up to delta, then delta·(d − ½·delta); reduced.</summary>
        /// <exception cref="ArgumentException">delta is not above 0.</exception>
        public Tensor HuberLoss(Tensor target, Reduction reduction = Reduction.Mean, float delta = 1f) =>
            delta > 0f ? LossOf(input, target, new HuberError(delta), reduction, "HuberLoss") : throw new ArgumentException($"HuberLoss: delta was {delta}, expected more than 0");

        /// <summary>½·d²/beta for d = |input − target| below beta, then d − ½·beta; reduced.</summary>
        /// <exception cref="ArgumentException">beta is negative.</exception>
        public Tensor SmoothL1Loss(Tensor target, Reduction reduction = Reduction.Mean, float beta = 1f) =>
            beta >= 0f ? LossOf(input, target, new SmoothAbsoluteError(beta), reduction, "SmoothL1Loss") : throw new ArgumentException($"SmoothL1Loss: beta was {beta}, expected 0 or more");

        /// <summary>Binary cross-entropy of logits against targets in [0, 1], without overflow; reduced.</summary>
        /// <param name="target">What the logits' sigmoids are to be.</param>
        /// <param name="reduction">How to reduce.</param>
        /// <param name="weight">A factor on each element's loss, broadcast; 1 if null.</param>
        /// <param name="posWeight">A factor on the targets' part of the loss, broadcast (PyTorch's <c>pos_weight</c>); 1 if null.</param>
        public Tensor BinaryCrossEntropyWithLogits(Tensor target, Reduction reduction = Reduction.Mean, Tensor? weight = null, Tensor? posWeight = null)
        {
            if (weight == null && posWeight == null) return LossOf(input, target, default(LogitsCrossEntropy), reduction, "BinaryCrossEntropyWithLogits");
            LossShape(input, target, "BinaryCrossEntropyWithLogits");
            var positive = input.LogSigmoid().Mul(target);
            if (posWeight is { } p) positive = positive.Mul(p);
            var losses = positive.Add(input.Neg().LogSigmoid().Mul(1f - target)).Neg();
            if (weight is { } w) losses = losses.Mul(w);
            return reduction switch
            {
                Reduction.None => losses,
                Reduction.Sum => losses.Sum(),
                Reduction.Mean => losses.Mean(),
                _ => losses.Sum().Div(input.Shape[0]),
            };
        }

        /// <summary>Binary cross-entropy of probabilities against targets in [0, 1]; logarithms are held at −100 or above; reduced.</summary>
        public Tensor BinaryCrossEntropy(Tensor target, Reduction reduction = Reduction.Mean) => LossOf(input, target, default(ProbabilityCrossEntropy), reduction, "BinaryCrossEntropy");

        /// <summary>Kullback-Leibler divergence target·(ln target − input) of log-probabilities; reduced. <see cref="Reduction.BatchMean"/> is the divergence in the sense of the formula.</summary>
        /// <param name="target">Probabilities or, with <paramref name="logTarget"/>, their logarithms.</param>
        /// <param name="reduction">How to reduce.</param>
        /// <param name="logTarget">Whether the target holds logarithms.</param>
        public Tensor KlDiv(Tensor target, Reduction reduction = Reduction.Mean, bool logTarget = false) =>
            logTarget ? LossOf(input, target, default(LogDivergence), reduction, "KlDiv") : LossOf(input, target, default(Divergence), reduction, "KlDiv");
    }

    private static Tensor LossOf<TLoss>(Tensor input, Tensor target, TLoss loss, Reduction reduction, string operation) where TLoss : struct, IPointwiseLoss
    {
        Types.RequireFloat(input, operation);
        Types.RequireFloat(target, operation);
        if (input.Shape != target.Shape)
        {
            var common = LossShape(input, target, operation);
            (input, target) = (input.Expand(common), target.Expand(common));
        }
        Tensor x = input.Contiguous(), t = target.Contiguous();
        var losses = TensorMemory.Empty(x.Shape);
        PointwiseLoss.Forward(loss, x.Span, t.Span, losses.Span);
        float divisor = reduction switch { Reduction.Mean => x.Numel, Reduction.BatchMean => x.Rank == 0 ? 1 : x.Shape[0], _ => 1f };
        var y = reduction == Reduction.None ? losses : Tensor.Scalar(Reduce.Sum(losses.Span) / divisor);
        if (Recorder.Record<PointwiseLossRule<TLoss>>(y, x, t) is { } rule)
            (rule.X, rule.T, rule.Loss, rule.Factor, rule.Each, rule.Operation) = (x, t, loss, 1f / divisor, reduction == Reduction.None, operation);
        return y;
    }

    /// <summary>The shape of the losses. One that neither has comes of a forgotten Squeeze: each input would be compared with each target.</summary>
    private static Shape LossShape(Tensor input, Tensor target, string operation)
    {
        var common = Broadcasting.Common(input.Shape, target.Shape, operation);
        return common == input.Shape || common == target.Shape ? common
            : throw new ArgumentException($"{operation}: input {input.Shape} and target {target.Shape} would be compared each with each, as {common}: expected equal shapes, or one that broadcasts to the other");
    }

    private sealed class PointwiseLossRule<TLoss> : Rule where TLoss : struct, IPointwiseLoss
    {
        public Saved X;
        public Saved T;
        public TLoss Loss;
        public float Factor;
        public bool Each;
        public string Operation = "";

        public override string Name => Operation;

        protected override void Backward(Tensor gradient)
        {
            Tensor x = X.Get(this), t = T.Get(this);
            for (int i = 0; i < 2; i++)
            {
                if (!Needs(i)) continue;
                var destination = Target(i, out bool accumulate);
                if (Each) PointwiseLoss.Backward(Loss, i == 1, x.Span, t.Span, gradient.Span, destination, accumulate);
                else PointwiseLoss.Backward(Loss, i == 1, x.Span, t.Span, gradient.Item() * Factor, destination, accumulate);
            }
        }

        protected override void Forget() => X = T = default;
    }
}
