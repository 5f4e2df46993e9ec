using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>x to the power of another tensor, element by element with broadcasting. The exponent gets a gradient too, which is NaN where x is negative.</summary>
        public Tensor Pow(Tensor exponent)
        {
            Types.RequireFloat(x, "Pow");
            Types.RequireFloat(exponent, "Pow");
            var shape = Broadcasting.Common(x.Shape, exponent.Shape, "Pow");
            Tensor a = Broadcasting.Expanded(x, shape), b = Broadcasting.Expanded(exponent, shape), y = TensorMemory.Empty(shape);
            VectorMath.Pow(a.Span, b.Span, y.Span);
            if (Recorder.Record<PowerRule>(y, x, exponent) is { } rule) (rule.X, rule.Exponent, rule.Y) = (a, b, y);
            return y;
        }
    }

    private sealed class PowerRule : Rule
    {
        public Saved X;
        public Saved Exponent;
        public Saved Y;

        public override string Name => "Pow";

        protected override void Backward(Tensor gradient)
        {
            Tensor x = X.Get(this), exponent = Exponent.Get(this);
            if (Needs(0))
            {
                // Where the exponent is 0 the power is constant, also at 0.
                var slope = exponent.Mul(x.Pow(exponent.AddScalar(-1f))).MaskedFill(exponent.Eq(0f), 0f);
                GiveNew(0, gradient.Mul(slope));
            }
            if (Needs(1))
            {
                var result = TensorMemory.Empty(OutputShape);
                VectorMath.PowExponentBackward(gradient.Mul(Y.Get(this)).Span, x.Span, exponent.Span, result.Span);
                GiveNew(1, result);
            }
        }

        protected override void Forget() => X = Exponent = Y = default;
    }
}
