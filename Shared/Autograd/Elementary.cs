using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>e^x.</summary>
        public Tensor Exp() => Apply(x, default(ExpFunction));

        /// <summary>The natural logarithm; −∞ at 0, NaN below.</summary>
        public Tensor Log() => Apply(x, default(LogFunction));

        /// <summary>The square root; NaN below 0.</summary>
        public Tensor Sqrt() => Apply(x, default(SqrtFunction));

        /// <summary>1/√x.</summary>
        public Tensor Rsqrt() => Apply(x, default(RsqrtFunction));

        /// <summary>1/x.</summary>
        public Tensor Reciprocal() => Apply(x, default(ReciprocalFunction));

        /// <summary>x².</summary>
        public Tensor Square() => Apply(x, default(SquareFunction));

        /// <summary>|x|; its gradient at 0 is 0.</summary>
        public Tensor Abs() => Apply(x, default(AbsFunction));

        /// <summary>The sine of x in radians.</summary>
        public Tensor Sin() => Apply(x, default(SinFunction));

        /// <summary>The cosine of x in radians.</summary>
        public Tensor Cos() => Apply(x, default(CosFunction));

        /// <summary>The Gauss error function.</summary>
        public Tensor Erf() => Apply(x, default(ErfFunction));

        /// <summary>x to the power of a constant.</summary>
        public Tensor Pow(float exponent) => Apply(x, new PowFunction(exponent));

        /// <summary>x held in [min, max]. The gradient flows where x is inside, the bounds included.</summary>
        /// <param name="min">The lower bound; −∞ for none.</param>
        /// <param name="max">The upper bound; +∞ for none.</param>
        public Tensor Clamp(float min = float.NegativeInfinity, float max = float.PositiveInfinity) => Apply(x, new ClampFunction(min, max));
    }

    private readonly struct ExpFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Exp(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => VectorMath.ExpBackward(dy, y, dx, accumulate);
    }

    private readonly struct LogFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Log(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.LogBackward(dy, x, dx, accumulate);
    }

    private readonly struct SqrtFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Sqrt(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => Elementwise.SqrtBackward(dy, y, dx, accumulate);
    }

    private readonly struct RsqrtFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Rsqrt(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => Elementwise.RsqrtBackward(dy, y, dx, accumulate);
    }

    private readonly struct ReciprocalFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Reciprocal(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => Elementwise.ReciprocalBackward(dy, y, dx, accumulate);
    }

    private readonly struct SquareFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Square(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => Elementwise.SquareBackward(dy, x, dx, accumulate);
    }

    private readonly struct AbsFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Abs(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => Elementwise.AbsBackward(dy, x, dx, accumulate);
    }

    private readonly struct SinFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Sin(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.SinBackward(dy, x, dx, accumulate);
    }

    private readonly struct CosFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Cos(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.CosBackward(dy, x, dx, accumulate);
    }

    private readonly struct ErfFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Erf(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.ErfBackward(dy, x, dx, accumulate);
    }

    private readonly struct PowFunction(float exponent) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("exponent", exponent)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Pow(x, exponent, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.PowBackward(dy, x, exponent, dx, accumulate);
    }

    private readonly struct ClampFunction(float min, float max) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("min", min), ("max", max)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => Elementwise.Clamp(x, min, max, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => Elementwise.ClampBackward(dy, x, min, max, dx, accumulate);
    }
}
