using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The sum of all elements: a scalar. Of an Int64 tensor it is exact and Int64, of a Bool tensor the number of trues.</summary>
        public Tensor Sum() => x.Type == DType.Float32 ? x.Sum([]) : Integers.Total(x);

        /// <summary>The sum along one dimension, which stays with size 1 if <paramref name="keepDim"/>.</summary>
        public Tensor Sum(int dim, bool keepDim = false) => x.Sum([dim], keepDim);

        /// <summary>The sum over several dimensions, or over all where none is named.</summary>
        public Tensor Sum(ReadOnlySpan<int> dims, bool keepDim = false) => SumOf(Axes.Of(x, dims, keepDim, "Sum"), 1f);

        /// <summary>The mean of all elements: a scalar; NaN of no elements.</summary>
        public Tensor Mean() => x.Mean([]);

        /// <summary>The mean along one dimension.</summary>
        public Tensor Mean(int dim, bool keepDim = false) => x.Mean([dim], keepDim);

        /// <summary>The mean over several dimensions, or over all where none is named.</summary>
        public Tensor Mean(ReadOnlySpan<int> dims, bool keepDim = false)
        {
            var axes = Axes.Of(x, dims, keepDim, "Mean");
            return SumOf(axes, axes.N);
        }

        /// <summary>The product of all elements: a scalar.</summary>
        public Tensor Prod() => x.Flatten().Prod(0);

        /// <summary>The product along one dimension; its gradient is right where elements are zero, too.</summary>
        public Tensor Prod(int dim, bool keepDim = false)
        {
            var axes = Axes.Of(x, [dim], keepDim, "Prod");
            var y = TensorMemory.Empty(axes.Output);
            Scan.Product(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span);
            if (Recorder.Record<ProdRule>(y, axes.Source) is { } rule) (rule.X, rule.Outer, rule.N, rule.Inner) = (axes.Source, axes.Outer, axes.N, axes.Inner);
            return y;
        }

        /// <summary>Running sums along one dimension.</summary>
        public Tensor Cumsum(int dim)
        {
            var axes = Axes.Along(x, dim, "Cumsum");
            var y = TensorMemory.Empty(axes.Output);
            Scan.CumulativeSum(axes.Outer, axes.N, axes.Inner, axes.Source.Span, y.Span);
            if (Recorder.Record<CumsumRule>(y, axes.Source) is { } rule) (rule.Outer, rule.N, rule.Inner) = (axes.Outer, axes.N, axes.Inner);
            return y;
        }
    }

    private static Tensor SumOf(in Axes axes, float divisor)
    {
        var y = TensorMemory.Empty(axes.Output);
        var sums = y.Span;
        Reduce.SumAxis(axes.Outer, axes.N, axes.Inner, axes.Source.Span, sums);
        if (divisor != 1f) Elementwise.Divide(sums, divisor, sums);
        if (Recorder.Record<SumRule>(y, axes.Source) is { } rule) (rule.Outer, rule.N, rule.Inner, rule.Factor) = (axes.Outer, axes.N, axes.Inner, 1f / divisor);
        return y;
    }

    /// <summary>A sum or, with a factor, a mean over the middle of [outer, n, inner].</summary>
    private sealed class SumRule : Rule
    {
        public int Outer;
        public int N;
        public int Inner;
        public float Factor;

        public override string Name => Factor == 1f ? "Sum" : "Mean";

        internal override (string Name, object Value)[] Settings => [("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            Spread.Axis(Outer, N, Inner, gradient.Span, Factor, target, accumulate);
        }

        protected override void Forget() { }
    }

    private sealed class ProdRule : Rule
    {
        public Saved X;
        public int Outer;
        public int N;
        public int Inner;

        internal override (string Name, object Value)[] Settings => [("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var x = X.Get(this);
            var result = TensorMemory.Empty(x.Shape);
            Scan.ProductBackward(Outer, N, Inner, gradient.Span, x.Span, result.Span);
            GiveNew(0, result);
        }

        protected override void Forget() => X = default;
    }

    private sealed class CumsumRule : Rule
    {
        public int Outer;
        public int N;
        public int Inner;

        internal override (string Name, object Value)[] Settings => [("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var own = Scratch(gradient);
            Scan.CumulativeSumBackward(Outer, N, Inner, gradient.Span, own.Span);
            Pass(0, own, gradient);
        }

        protected override void Forget() { }
    }
}
