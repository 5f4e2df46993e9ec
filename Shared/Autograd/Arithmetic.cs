using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>a + b, with broadcasting.</summary>
        public Tensor Add(Tensor b)
        {
            var y = Broadcasting.Apply<AddOperator>(a, b, "Add");
            Recorder.Record<AddRule>(y, a, b);
            return y;
        }

        /// <summary>a − b, with broadcasting.</summary>
        public Tensor Sub(Tensor b)
        {
            var y = Broadcasting.Apply<SubOperator>(a, b, "Sub");
            Recorder.Record<SubRule>(y, a, b);
            return y;
        }

        /// <summary>a · b element by element, with broadcasting.</summary>
        public Tensor Mul(Tensor b)
        {
            var y = Broadcasting.Apply<MulOperator>(a, b, "Mul");
            if (Recorder.Record<MulRule>(y, a, b) is { } rule) (rule.A, rule.B) = (a, b);
            return y;
        }

        /// <summary>a / b element by element, with broadcasting.</summary>
        public Tensor Div(Tensor b)
        {
            var y = Broadcasting.Apply<DivOperator>(a, b, "Div");
            if (Recorder.Record<DivRule>(y, a, b) is { } rule) (rule.A, rule.B) = (a, b);
            return y;
        }

        /// <summary>a · factor.</summary>
        public Tensor Scale(float factor)
        {
            Types.RequireFloat(a, "Scale");
            var y = TensorMemory.Empty(a.Shape);
            Elementwise.Multiply(a.Contiguous().Span, factor, y.Span);
            if (Recorder.Record<ScaleRule>(y, a) is { } rule) rule.Factor = factor;
            return y;
        }

        /// <summary>a + value.</summary>
        public Tensor AddScalar(float value)
        {
            Types.RequireFloat(a, "AddScalar");
            var y = TensorMemory.Empty(a.Shape);
            Elementwise.Add(a.Contiguous().Span, value, y.Span);
            Recorder.Record<AddScalarRule>(y, a);
            return y;
        }

        /// <summary>−a.</summary>
        public Tensor Neg() => a.Scale(-1f);

        /// <summary>a + b, with broadcasting.</summary>
        public static Tensor operator +(Tensor x, Tensor y) => x.Add(y);

        /// <summary>a + value.</summary>
        public static Tensor operator +(Tensor x, float y) => x.AddScalar(y);

        /// <summary>value + a.</summary>
        public static Tensor operator +(float x, Tensor y) => y.AddScalar(x);

        /// <summary>a − b, with broadcasting.</summary>
        public static Tensor operator -(Tensor x, Tensor y) => x.Sub(y);

        /// <summary>a − value.</summary>
        public static Tensor operator -(Tensor x, float y) => x.AddScalar(-y);

        /// <summary>value − a.</summary>
        public static Tensor operator -(float x, Tensor y) => y.Neg().AddScalar(x);

        /// <summary>−a.</summary>
        public static Tensor operator -(Tensor x) => x.Neg();

        /// <summary>a · b element by element, with broadcasting.</summary>
        public static Tensor operator *(Tensor x, Tensor y) => x.Mul(y);

        /// <summary>a · value.</summary>
        public static Tensor operator *(Tensor x, float y) => x.Scale(y);

        /// <summary>value · a.</summary>
        public static Tensor operator *(float x, Tensor y) => y.Scale(x);

        /// <summary>a / b element by element, with broadcasting.</summary>
        public static Tensor operator /(Tensor x, Tensor y) => x.Div(y);

        /// <summary>a / value.</summary>
        public static Tensor operator /(Tensor x, float y) => x.Div(Tensor.Scalar(y));

        /// <summary>value / a.</summary>
        public static Tensor operator /(float x, Tensor y) => Tensor.Scalar(x).Div(y);
    }

    internal readonly struct AddOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Add(x, y, destination);

        public static void Apply(ReadOnlySpan<float> x, float y, Span<float> destination) => Elementwise.Add(x, y, destination);

        public static void Apply(float x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Add(y, x, destination);
    }

    internal readonly struct SubOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Subtract(x, y, destination);

        public static void Apply(ReadOnlySpan<float> x, float y, Span<float> destination) => Elementwise.Add(x, -y, destination);

        public static void Apply(float x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Subtract(x, y, destination);
    }

    internal readonly struct MulOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Multiply(x, y, destination);

        public static void Apply(ReadOnlySpan<float> x, float y, Span<float> destination) => Elementwise.Multiply(x, y, destination);

        public static void Apply(float x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Multiply(y, x, destination);
    }

    internal readonly struct DivOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Divide(x, y, destination);

        public static void Apply(ReadOnlySpan<float> x, float y, Span<float> destination) => Elementwise.Divide(x, y, destination);

        public static void Apply(float x, ReadOnlySpan<float> y, Span<float> destination) => Elementwise.Divide(x, y, destination);
    }

    private sealed class AddRule : Rule
    {
        protected override void Backward(Tensor gradient)
        {
            // The first copies, so that the second may take the memory over.
            Give(0, gradient);
            Give(1, gradient);
        }

        protected override void Forget() { }
    }

    private sealed class SubRule : Rule
    {
        protected override void Backward(Tensor gradient)
        {
            if (Needs(1)) GiveNew(1, gradient.Neg());
            Give(0, gradient);
        }

        protected override void Forget() { }
    }

    private sealed class MulRule : Rule
    {
        public Saved A;
        public Saved B;

        protected override void Backward(Tensor gradient)
        {
            if (Needs(0)) GiveNew(0, gradient.Mul(B.Get(this)));
            if (Needs(1)) GiveNew(1, gradient.Mul(A.Get(this)));
        }

        protected override void Forget() => A = B = default;
    }

    private sealed class DivRule : Rule
    {
        public Saved A;
        public Saved B;

        protected override void Backward(Tensor gradient)
        {
            var b = B.Get(this);
            if (Needs(0)) GiveNew(0, gradient.Div(b));
            if (Needs(1)) GiveNew(1, gradient.Mul(A.Get(this)).Div(b.Mul(b)).Neg());
        }

        protected override void Forget() => A = B = default;
    }

    private sealed class ScaleRule : Rule
    {
        public float Factor;

        protected override void Backward(Tensor gradient) => GiveNew(0, gradient.Scale(Factor));

        protected override void Forget() { }
    }

    private sealed class AddScalarRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, gradient);

        protected override void Forget() { }
    }
}
