using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The sum of all elements: a scalar.</summary>
        public Tensor Sum()
        {
            Types.RequireFloat(x, "Sum");
            var y = Tensor.Scalar(Reduce.Sum(x.Contiguous().Span));
            if (Recorder.Record<SumAllRule>(y, x) is { } rule) rule.Factor = 1f;
            return y;
        }

        /// <summary>The mean of all elements: a scalar; NaN of no elements.</summary>
        public Tensor Mean()
        {
            Types.RequireFloat(x, "Mean");
            float count = x.Numel;
            var y = Tensor.Scalar(Reduce.Sum(x.Contiguous().Span) / count);
            if (Recorder.Record<SumAllRule>(y, x) is { } rule) rule.Factor = 1f / count;
            return y;
        }
    }

    private sealed class SumAllRule : Rule
    {
        public float Factor;

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            float value = gradient.Item() * Factor;
            if (accumulate) Elementwise.Add(target, value, target);
            else target.Fill(value);
        }

        protected override void Forget() { }
    }
}

/// <summary>Sums along dimensions, without a record: shared by forward and backward.</summary>
internal static class Reductions
{
    /// <summary>The sum along one dimension, which stays with size 1.</summary>
    public static Tensor SumDim(Tensor x, int dim)
    {
        var source = x.Contiguous();
        var shape = source.Shape;
        int outer = 1, inner = 1;
        for (int d = 0; d < shape.Rank; d++)
        {
            if (d < dim) outer *= shape[d];
            else if (d > dim) inner *= shape[d];
        }
        var result = TensorMemory.Empty(shape.With(dim, 1));
        Reduce.SumAxis(outer, shape[dim], inner, source.Span, result.Span, accumulate: false);
        return result;
    }
}
