using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The variance of all elements, divided by n − 1: a scalar.</summary>
        public Tensor Var() => x.Var([]);

        /// <summary>The variance along one dimension.</summary>
        public Tensor Var(int dim, int correction = 1, bool keepDim = false) => x.Var([dim], correction, keepDim);

        /// <summary>The variance over several dimensions, or over all where none is named: Σ (x − mean)²/(n − correction), NaN where that divides by nothing.</summary>
        public Tensor Var(ReadOnlySpan<int> dims, int correction = 1, bool keepDim = false) => SpreadOf(x, dims, correction, keepDim, root: false);

        /// <summary>The standard deviation of all elements, divided by n − 1: a scalar.</summary>
        public Tensor Std() => x.Std([]);

        /// <summary>The standard deviation along one dimension.</summary>
        public Tensor Std(int dim, int correction = 1, bool keepDim = false) => x.Std([dim], correction, keepDim);

        /// <summary>The standard deviation over several dimensions, or over all where none is named: the root of <c>Var</c>.</summary>
        public Tensor Std(ReadOnlySpan<int> dims, int correction = 1, bool keepDim = false) => SpreadOf(x, dims, correction, keepDim, root: true);

        /// <summary>ln Σ e^x along one dimension, without overflow.</summary>
        public Tensor LogSumExp(int dim, bool keepDim = false) => x.LogSumExp([dim], keepDim);

        /// <summary>ln Σ e^x over several dimensions, or over all where none is named.</summary>
        public Tensor LogSumExp(ReadOnlySpan<int> dims, bool keepDim = false)
        {
            var axes = Axes.Of(x, dims, keepDim, "LogSumExp", last: true);
            var y = TensorMemory.Empty(axes.Output);
            Simd.Softmax.LogSumExp(axes.Outer, axes.N, 1, axes.Source.Span, y.Span);
            if (Recorder.Record<LogSumExpRule>(y, axes.Source) is { } rule) (rule.X, rule.Y, rule.Rows, rule.N) = (axes.Source, y, axes.Outer, axes.N);
            return y;
        }
    }

    private static Tensor SpreadOf(Tensor x, ReadOnlySpan<int> dims, int correction, bool keepDim, bool root)
    {
        var axes = Axes.Of(x, dims, keepDim, root ? "Std" : "Var", last: true);
        Tensor y = TensorMemory.Empty(axes.Output), mean = TensorMemory.Empty(axes.Output);
        var variance = y.Span;
        Moments.Variance(axes.Outer, axes.N, axes.Source.Span, correction, mean.Span, variance);
        if (root) Elementwise.Sqrt(variance, variance);
        if (Recorder.Record<VarRule>(y, axes.Source) is { } rule)
        {
            (rule.X, rule.Mean, rule.Rows, rule.N, rule.Factor, rule.Root) = (axes.Source, mean, axes.Outer, axes.N, 2f / (axes.N - correction), root);
            if (root) rule.Y = y;
        }
        return y;
    }

    private sealed class VarRule : Rule
    {
        public Saved X;
        public Saved Mean;
        public Saved Y;
        public int Rows;
        public int N;
        public float Factor;
        public bool Root;

        public override string Name => Root ? "Std" : "Var";

        internal override (string Name, object Value)[] Settings => [("outer", Rows), ("n", N), ("divisor", 2f / Factor)];

        protected override void Backward(Tensor gradient)
        {
            // d var = 2/(n − correction)·(x − mean), and d std = d var/(2·std).
            var scale = Scratch(gradient);
            if (Root) RootScale(gradient.Span, Y.Get(this).Span, scale.Span);
            else gradient.CopyTo(scale.Span);
            Elementwise.Multiply(scale.Span, Factor, scale.Span);
            var target = Target(0, out bool accumulate);
            Moments.Centered(Rows, N, X.Get(this).Span, Mean.Get(this).Span, scale.Span, target, accumulate);
        }

        /// <summary>Where all elements are equal the root has no slope; 0 is taken, as in PyTorch.</summary>
        private static void RootScale(ReadOnlySpan<float> gradient, ReadOnlySpan<float> deviation, Span<float> scale)
        {
            Elementwise.SqrtBackward(gradient, deviation, scale);
            for (int i = 0; i < scale.Length; i++)
                if (deviation[i] == 0f) scale[i] = 0f;
        }

        protected override void Forget() => X = Mean = Y = default;
    }

    private sealed class LogSumExpRule : Rule
    {
        public Saved X;
        public Saved Y;
        public int Rows;
        public int N;

        internal override (string Name, object Value)[] Settings => [("outer", Rows), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            Simd.Softmax.LogSumExpBackward(Rows, N, gradient.Span, X.Get(this).Span, Y.Get(this).Span, target, accumulate);
        }

        protected override void Forget() => X = Y = default;
    }
}
