using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>
        /// x·Wᵀ + bias, as PyTorch's <c>linear</c>: input <c>[*, in]</c>, weight <c>[out, in]</c>, bias <c>[out]</c> or none, output <c>[*, out]</c>.
        /// </summary>
        /// <param name="weight">The weight, <c>[out, in]</c>.</param>
        /// <param name="bias">The bias, <c>[out]</c>; none if null.</param>
        /// <param name="activation">Applied to the result in the same pass, with the bits of applying it after.</param>
        /// <exception cref="ArgumentException">The last dimension of the input is not the weight's.</exception>
        public Tensor Linear(Tensor weight, Tensor? bias = null, Activation activation = Activation.None)
        {
            Types.RequireFloat(a, "Linear");
            if (weight.Rank != 2 || a.Rank == 0 || a.Shape[^1] != weight.Shape[1])
                throw new ArgumentException($"Linear: input {a.Shape} and weight {weight.Shape}, expected [*, in] and [out, in]");
            if (bias is { } vector && (vector.Rank != 1 || vector.Shape[0] != weight.Shape[0]))
                throw new ArgumentException($"Linear: bias {vector.Shape}, expected [{weight.Shape[0]}]");
            int features = a.Shape[^1], outputs = weight.Shape[0], rows = features == 0 ? a.Shape.With(-1, 1).Numel : a.Numel / features;
            Tensor input = a.Contiguous(), matrix = weight.Contiguous();
            var y = TensorMemory.Empty(a.Shape.With(-1, outputs));
            Gemm.Linear(rows, outputs, features, input.Span, matrix.Span, bias is { } b ? b.Contiguous().Span : default, y.Span, activation);
            var rule = bias is { } third ? Recorder.Record<LinearRule>(y, input, matrix, third) : Recorder.Record<LinearRule>(y, input, matrix);
            if (rule == null) return y;
            (rule.X, rule.Weight, rule.HasBias, rule.Rectified) = (input, matrix, bias != null, activation == Activation.Relu);
            if (rule.Rectified) rule.Y = y;
            return y;
        }
    }

    private sealed class LinearRule : Rule
    {
        public Saved X;
        public Saved Weight;
        public Saved Y;
        public bool HasBias;
        public bool Rectified;

        internal override (string Name, object Value)[] Settings => [("relu", Rectified)];

        protected override void Backward(Tensor gradient)
        {
            if (Rectified)
            {
                var masked = Scratch(gradient);
                VectorMath.ReluBackward(gradient.Span, Y.Get(this).Span, masked.Span);
                gradient = masked;
            }
            var (x, w) = (X.Get(this), Weight.Get(this));
            int outputs = w.Shape[0], features = w.Shape[1], rows = x.Shape.With(-1, 1).Numel;
            var g = gradient.Span;
            if (HasBias && Needs(2))
            {
                var target = Target(2, out bool accumulate);
                Reduce.ColumnSum(rows, outputs, g, target, accumulate);
            }
            if (Needs(1))
            {
                var target = Target(1, out bool accumulate);
                Gemm.Multiply(true, false, outputs, features, rows, g, outputs, x.Span, features, target, features, accumulate);
            }
            if (Needs(0))
            {
                var target = Target(0, out bool accumulate);
                Gemm.Multiply(false, false, rows, features, outputs, g, outputs, w.Span, features, target, features, accumulate);
            }
        }

        protected override void Forget() => X = Weight = Y = default;
    }
}
