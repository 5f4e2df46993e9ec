using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The Euclidean norm of all elements: a scalar.</summary>
        public Tensor Norm() => x.Norm([]);

        /// <summary>The Euclidean norm along one dimension.</summary>
        public Tensor Norm(int dim, bool keepDim = false) => x.Norm([dim], keepDim);

        /// <summary>The Euclidean norm √Σ x² over several dimensions, or over all where none is named. Its gradient at zero is zero.</summary>
        public Tensor Norm(ReadOnlySpan<int> dims, bool keepDim = false)
        {
            var axes = Axes.Of(x, dims, keepDim, "Norm", last: true);
            var y = TensorMemory.Empty(axes.Output);
            Span<float> norms = y.Span, source = axes.Source.Span;
            for (int r = 0; r < norms.Length; r++)
            {
                var row = source.Slice(r * axes.N, axes.N);
                norms[r] = MathF.Sqrt(Reduce.Dot(row, row));
            }
            if (Recorder.Record<NormRule>(y, axes.Source) is { } rule) (rule.X, rule.Y, rule.N) = (axes.Source, y, axes.N);
            return y;
        }
    }

    private sealed class NormRule : Rule
    {
        public Saved X;
        public Saved Y;
        public int N;

        internal override (string Name, object Value)[] Settings => [("outer", X.Get(this).Numel / Math.Max(1, N)), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var y = Y.Get(this).Span;
            Tensor scale = TensorMemory.Empty(OutputShape), zeros = Tensor.Zeros(OutputShape);
            Span<float> factors = scale.Span, g = gradient.Span;
            for (int r = 0; r < factors.Length; r++) factors[r] = y[r] == 0f ? 0f : g[r] / y[r];
            var target = Target(0, out bool accumulate);
            Moments.Centered(factors.Length, N, X.Get(this).Span, zeros.Span, factors, target, accumulate);
        }

        protected override void Forget() => X = Y = default;
    }
}
