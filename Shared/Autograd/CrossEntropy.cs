using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>How a loss reduces the losses of its elements.</summary>
public enum Reduction
{
    /// <summary>Their mean (weighted, where there are class weights).</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>No reduction.</summary>
    None,
}

public static partial class TensorOps
{
    extension(Tensor logits)
    {
        /// <summary>
        /// Softmax cross-entropy of logits <c>[N, C]</c> against class labels <c>[N]</c> (Int64, in [0, C)), as PyTorch's <c>cross_entropy</c>.
        /// </summary>
        /// <exception cref="ArgumentException">Shapes do not fit, or a label is out of range.</exception>
        public Tensor CrossEntropy(Tensor target, Reduction reduction = Reduction.Mean)
        {
            Types.RequireFloat(logits, "CrossEntropy");
            Types.RequireIndices(target, "CrossEntropy");
            if (logits.Rank != 2 || target.Rank != 1 || target.Shape[0] != logits.Shape[0])
                throw new ArgumentException($"CrossEntropy: logits {logits.Shape} and target {target.Shape}, expected [N, C] and [N]");
            int rows = logits.Shape[0], classes = logits.Shape[1];
            Tensor input = logits.Contiguous(), labels = target.Contiguous();
            Labels.Check(labels.LongSpan, classes, "CrossEntropy");
            var losses = TensorMemory.Empty(new Shape(rows));
            CrossEntropyStub.Forward(rows, classes, input.Span, labels.LongSpan, losses.Span);
            if (reduction == Reduction.None) throw new NotSupportedException();
            var y = Tensor.Scalar(Reduce.Sum(losses.Span) / (reduction == Reduction.Mean ? rows : 1));
            if (Recorder.Record<CrossEntropyRule>(y, input) is { } rule) (rule.Logits, rule.Classes, rule.Factor) = (input, labels, reduction == Reduction.Mean ? 1f / rows : 1f);
            return y;
        }
    }

    private sealed class CrossEntropyRule : Rule
    {
        public Saved Logits;
        public Saved Classes;
        public float Factor;

        protected override void Backward(Tensor gradient)
        {
            var (x, labels) = (Logits.Get(this), Classes.Get(this));
            var target = Target(0, out bool accumulate);
            CrossEntropyStub.Backward(x.Shape[0], x.Shape[1], x.Span, labels.LongSpan, gradient.Item() * Factor, target, accumulate);
        }

        protected override void Forget() => Logits = Classes = default;
    }
}
