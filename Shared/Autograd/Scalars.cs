using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>a · factor.</summary>
        public Tensor Scale(float factor) => a.Type == DType.Int64 ? Integers.Mul(a, Integers.Scalar(factor, "Scale")) : Apply(a, new ScaleFunction(factor));

        /// <summary>a / divisor.</summary>
        public Tensor Div(float divisor) => Apply(a, new DivFunction(divisor));

        /// <summary>a + value.</summary>
        public Tensor AddScalar(float value)
        {
            if (a.Type == DType.Int64) return Integers.Add(a, Integers.Scalar(value, "AddScalar"));
            Types.RequireFloat(a, "AddScalar");
            var source = a.Contiguous();
            var y = TensorMemory.Empty(source.Shape);
            Elementwise.Add(source.Span, value, y.Span);
            if (Recorder.Record<AddScalarRule>(y, source) is { } rule) rule.Value = value;
            return y;
        }

        /// <summary>−a.</summary>
        public Tensor Neg() => Apply(a, default(NegFunction));
    }

    private readonly struct ScaleFunction(float factor) : IFunction
    {
        public static Keeps Keeps => Keeps.Nothing;

        public (string Name, object Value)[] Settings => [("factor", factor)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Multiply(x, factor, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> saved, Span<float> dx, bool accumulate)
        {
            if (accumulate) Elementwise.AddScaled(factor, dy, dx);
            else Elementwise.Multiply(dy, factor, dx);
        }
    }

    private readonly struct DivFunction(float divisor) : IFunction
    {
        public static Keeps Keeps => Keeps.Nothing;

        public (string Name, object Value)[] Settings => [("divisor", divisor)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Divide(x, divisor, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> saved, Span<float> dx, bool accumulate)
        {
            if (accumulate) Elementwise.AddScaled(1f / divisor, dy, dx);
            else Elementwise.Divide(dy, divisor, dx);
        }
    }

    private readonly struct NegFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Nothing;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Negate(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> saved, Span<float> dx, bool accumulate)
        {
            if (accumulate) Elementwise.AccumulateNegated(dy, dx);
            else Elementwise.Negate(dy, dx);
        }
    }

    private sealed class AddScalarRule : Rule
    {
        public float Value;

        internal override (string Name, object Value)[] Settings => [("value", Value)];

        protected override void Backward(Tensor gradient) => Give(0, gradient);

        protected override void Forget() { }
    }
}
