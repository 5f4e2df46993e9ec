using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>a + b, with broadcasting; of two Float32 tensors or, as − and ·, of two Int64 ones.</summary>
        public Tensor Add(Tensor b)
        {
            if (Integers.Are(a, b)) return Integers.Add(a, b);
            var y = Broadcasting.Apply<AddOperator>(a, b);
            Recorder.Record<AddRule>(y, a, b);
            return y;
        }

        /// <summary>a − b, with broadcasting.</summary>
        public Tensor Sub(Tensor b)
        {
            if (Integers.Are(a, b)) return Integers.Sub(a, b);
            var y = Broadcasting.Apply<SubOperator>(a, b);
            Recorder.Record<SubRule>(y, a, b);
            return y;
        }

        /// <summary>a · b element by element, with broadcasting.</summary>
        public Tensor Mul(Tensor b) => Integers.Are(a, b) ? Integers.Mul(a, b) : Apply<MulOperator>(a, b);

        /// <summary>a / b element by element, with broadcasting.</summary>
        public Tensor Div(Tensor b) => Apply<DivOperator>(a, b);
    }

    internal readonly struct AddOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Add(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Elementwise.Add(a, b, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Add(b, a, destination);
    }

    internal readonly struct SubOperator : IBinaryOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Subtract(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Elementwise.Subtract(a, b, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Subtract(a, b, destination);
    }

    internal readonly struct MulOperator : IDifferentiableOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Multiply(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Elementwise.Multiply(a, b, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Multiply(b, a, destination);

        public static void BackwardFirst(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate)
        {
            if (accumulate) Elementwise.MultiplyAccumulate(dy, b, da);
            else Elementwise.Multiply(dy, b, da);
        }

        public static void BackwardSecond(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate) => BackwardFirst(dy, b, a, db, accumulate);
    }

    internal readonly struct DivOperator : IDifferentiableOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Divide(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Elementwise.Divide(a, b, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Divide(a, b, destination);

        // The gradient of a logarithm is the quotient that is wanted here.
        public static void BackwardFirst(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate) => VectorMath.LogBackward(dy, b, da, accumulate);

        public static void BackwardSecond(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate) => Elementwise.DivideBackward(dy, a, b, db, accumulate);
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
            if (Needs(1))
            {
                if (InputShape(1) == OutputShape)
                {
                    var target = Target(1, out bool accumulate);
                    if (accumulate) Elementwise.AccumulateNegated(gradient.Span, target);
                    else Elementwise.Negate(gradient.Span, target);
                }
                else
                {
                    GiveNew(1, Broadcasting.SumTo(gradient, InputShape(1)).Neg());
                }
            }
            Give(0, gradient);
        }

        protected override void Forget() { }
    }
}
