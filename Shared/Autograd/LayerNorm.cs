using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// Layer normalization over the last dimensions, as PyTorch's <c>layer_norm</c>: (x − mean)/√(variance + eps)·weight + bias. See https://arxiv.org/abs/1607.06450.
        /// </summary>
        /// <param name="normalizedShape">The sizes of the dimensions to normalize over: the last ones of x.</param>
        /// <param name="weight">Of that shape; 1 if null.</param>
        /// <param name="bias">Of that shape; 0 if null.</param>
        /// <param name="eps">Added to the variance.</param>
        /// <exception cref="ArgumentException">Shapes do not fit.</exception>
        public Tensor LayerNorm(ReadOnlySpan<int> normalizedShape, Tensor? weight = null, Tensor? bias = null, float eps = 1e-5f)
        {
            var (rows, n) = RowsOf(x, normalizedShape, weight, bias, "LayerNorm");
            var input = x.Contiguous();
            Tensor y = TensorMemory.Empty(input.Shape), mean = TensorMemory.Empty(new Shape(rows)), rstd = TensorMemory.Empty(new Shape(rows));
            Simd.LayerNorm.Forward(rows, n, input.Span, SpanOf(weight), SpanOf(bias), eps, y.Span, mean.Span, rstd.Span);
            if (RecordAffine<LayerNormRule>(y, input, weight, bias) is { } rule) (rule.X, rule.Mean, rule.Rstd, rule.Rows, rule.N, rule.Eps) = (input, mean, rstd, rows, n, eps);
            return y;
        }

        /// <summary>
        /// Root-mean-square normalization over the last dimensions, as PyTorch's <c>rms_norm</c>: x/√(mean of x² + eps)·weight. See https://arxiv.org/abs/1910.07467.
        /// </summary>
        /// <param name="normalizedShape">The sizes of the dimensions to normalize over: the last ones of x.</param>
        /// <param name="weight">Of that shape; 1 if null.</param>
        /// <param name="eps">Added to the mean square; the distance of 1 to the next float if null.</param>
        /// <exception cref="ArgumentException">Shapes do not fit.</exception>
        public Tensor RmsNorm(ReadOnlySpan<int> normalizedShape, Tensor? weight = null, float? eps = null)
        {
            var (rows, n) = RowsOf(x, normalizedShape, weight, null, "RmsNorm");
            var input = x.Contiguous();
            Tensor y = TensorMemory.Empty(input.Shape), rstd = TensorMemory.Empty(new Shape(rows));
            Simd.RmsNorm.Forward(rows, n, input.Span, SpanOf(weight), eps ?? MachineEpsilon, y.Span, rstd.Span);
            if (RecordAffine<RmsNormRule>(y, input, weight, null) is { } rule) (rule.X, rule.Rstd, rule.Rows, rule.N, rule.Eps) = (input, rstd, rows, n, eps ?? MachineEpsilon);
            return y;
        }
    }

    private const float MachineEpsilon = 1.1920929e-7f;

    private static (int Rows, int N) RowsOf(Tensor x, ReadOnlySpan<int> normalized, Tensor? weight, Tensor? bias, string operation)
    {
        Types.RequireFloat(x, operation);
        var shape = new Shape(normalized);
        if (normalized.Length == 0 || normalized.Length > x.Rank || !x.Shape.Span[^normalized.Length..].SequenceEqual(normalized) || shape.Numel == 0)
            throw new ArgumentException($"{operation}: input {x.Shape} does not end in the normalized shape {shape}, expected [*, {string.Join(", ", normalized.ToArray())}] with at least one element");
        if (weight is { } w && w.Shape != shape) throw new ArgumentException($"{operation}: weight {w.Shape}, expected {shape}");
        if (bias is { } b && b.Shape != shape) throw new ArgumentException($"{operation}: bias {b.Shape}, expected {shape}");
        return (x.Numel / shape.Numel, shape.Numel);
    }

    private sealed class LayerNormRule : AffineRule
    {
        public Saved X;
        public Saved Mean;
        public Saved Rstd;
        public int Rows;
        public int N;

        public float Eps;

        internal override (string Name, object Value)[] Settings => [("n", N), ("eps", Eps), ("weight", WeightAt), ("bias", BiasAt)];

        protected override void Backward(Tensor gradient)
        {
            Span<float> dWeight = WeightTarget(), dBias = BiasTarget(), dx = InputTarget(out bool accumulate);
            Simd.LayerNorm.Backward(Rows, N, gradient.Span, X.Get(this).Span, Weight(), Mean.Get(this).Span, Rstd.Get(this).Span, dx, dWeight, dBias, accumulate, accumulateParameters: true);
        }

        protected override void Forget()
        {
            base.Forget();
            X = Mean = Rstd = default;
        }
    }

    private sealed class RmsNormRule : AffineRule
    {
        public Saved X;
        public Saved Rstd;
        public int Rows;
        public int N;

        public float Eps;

        internal override (string Name, object Value)[] Settings => [("n", N), ("eps", Eps), ("weight", WeightAt), ("bias", BiasAt)];

        protected override void Backward(Tensor gradient)
        {
            Span<float> dWeight = WeightTarget(), dx = InputTarget(out bool accumulate);
            Simd.RmsNorm.Backward(Rows, N, gradient.Span, X.Get(this).Span, Weight(), Rstd.Get(this).Span, dx, dWeight, accumulate, accumulateParameters: true);
        }

        protected override void Forget()
        {
            base.Forget();
            X = Rstd = default;
        }
    }
}
