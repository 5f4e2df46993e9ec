using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>max(0, x).</summary>
        public Tensor Relu()
        {
            Types.RequireFloat(x, "Relu");
            var y = TensorMemory.Empty(x.Shape);
            VectorMath.Relu(x.Contiguous().Span, y.Span);
            if (Recorder.Record<ReluRule>(y, x) is { } rule) rule.Y = y;
            return y;
        }

        /// <summary>x to the power of a constant.</summary>
        public Tensor Pow(float exponent)
        {
            Types.RequireFloat(x, "Pow");
            var source = x.Contiguous();
            var y = TensorMemory.Empty(x.Shape);
            VectorMath.Pow(source.Span, exponent, y.Span);
            if (Recorder.Record<PowRule>(y, source) is { } rule) (rule.X, rule.Exponent) = (source, exponent);
            return y;
        }
    }

    private sealed class ReluRule : Rule
    {
        public Saved Y;

        protected override void Backward(Tensor gradient)
        {
            // The output tells as much as the input: it is positive where the input was.
            var target = Target(0, out bool accumulate);
            VectorMath.ReluBackward(gradient.Span, Y.Get(this).Span, target, accumulate);
        }

        protected override void Forget() => Y = default;
    }

    private sealed class PowRule : Rule
    {
        public Saved X;
        public float Exponent;

        protected override void Backward(Tensor gradient)
        {
            var slope = X.Get(this).Pow(Exponent - 1f);
            GiveNew(0, gradient.Mul(slope.Scale(Exponent)));
        }

        protected override void Forget() => X = default;
    }
}
