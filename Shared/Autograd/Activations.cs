using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>How <c>Gelu</c> is computed.</summary>
public enum GeluApproximation
{
    /// <summary>Exactly, by the error function.</summary>
    None,

    /// <summary>By a hyperbolic tangent.</summary>
    Tanh,
}

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>max(0, x).</summary>
        public Tensor Relu() => Apply(x, default(ReluFunction));

        /// <summary>x where x > 0, else negativeSlope·x.</summary>
        public Tensor LeakyRelu(float negativeSlope = 0.01f) => Apply(x, new LeakyReluFunction(negativeSlope));

        /// <summary>x where x > 0, else alpha·(e^x − 1): https://arxiv.org/abs/1511.07289.</summary>
        public Tensor Elu(float alpha = 1f) => Apply(x, new EluFunction(alpha));

        /// <summary>x·Φ(x), Φ the normal distribution: https://arxiv.org/abs/1606.08415.</summary>
        /// <param name="approximate">What PyTorch calls <c>approximate="tanh"</c> instead of the exact function.</param>
        public Tensor Gelu(GeluApproximation approximate = GeluApproximation.None) => approximate == GeluApproximation.Tanh ? ApplyWithSlope<GeluTanhFunction>(x) : ApplyWithSlope<GeluFunction>(x);

        /// <summary>x·sigmoid(x).</summary>
        public Tensor Silu() => ApplyWithSlope<SiluFunction>(x);

        /// <summary>x·tanh(softplus(x)): https://arxiv.org/abs/1908.08681.</summary>
        public Tensor Mish() => ApplyWithSlope<MishFunction>(x);

        /// <summary>1/(1 + e^−x).</summary>
        public Tensor Sigmoid() => Apply(x, default(SigmoidFunction));

        /// <summary>ln(sigmoid(x)).</summary>
        public Tensor LogSigmoid() => Apply(x, default(LogSigmoidFunction));

        /// <summary>The hyperbolic tangent.</summary>
        public Tensor Tanh() => Apply(x, default(TanhFunction));

        /// <summary>ln(1 + e^(beta·x))/beta; x itself where beta·x is above the threshold.</summary>
        public Tensor Softplus(float beta = 1f, float threshold = 20f) => Apply(x, new SoftplusFunction(beta, threshold));

        /// <summary>x held in [min, max]; no gradient flows at the bounds.</summary>
        public Tensor Hardtanh(float min = -1f, float max = 1f) => Apply(x, new HardtanhFunction(min, max));

        /// <summary>x·clamp(x + 3, 0, 6)/6: https://arxiv.org/abs/1905.02244.</summary>
        public Tensor Hardswish() => Apply(x, default(HardswishFunction));
    }

    private readonly struct ReluFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Relu(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => VectorMath.ReluBackward(dy, y, dx, accumulate);
    }

    private readonly struct LeakyReluFunction(float negativeSlope) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("slope", negativeSlope)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.LeakyRelu(x, negativeSlope, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.LeakyReluBackward(dy, x, negativeSlope, dx, accumulate);
    }

    private readonly struct EluFunction(float alpha) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("alpha", alpha)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Elu(x, alpha, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.EluBackward(dy, x, alpha, dx, accumulate);
    }

    private readonly struct SigmoidFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Sigmoid(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => VectorMath.SigmoidBackward(dy, y, dx, accumulate);
    }

    private readonly struct LogSigmoidFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.LogSigmoid(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.LogSigmoidBackward(dy, x, dx, accumulate);
    }

    private readonly struct TanhFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Value;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Tanh(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate) => VectorMath.TanhBackward(dy, y, dx, accumulate);
    }

    private readonly struct SoftplusFunction(float beta, float threshold) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("beta", beta), ("threshold", threshold)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Softplus(x, beta, threshold, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.SoftplusBackward(dy, x, beta, threshold, dx, accumulate);
    }

    private readonly struct HardtanhFunction(float min, float max) : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public (string Name, object Value)[] Settings => [("min", min), ("max", max)];

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Hardtanh(x, min, max, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.HardtanhBackward(dy, x, min, max, dx, accumulate);
    }

    private readonly struct HardswishFunction : IFunction
    {
        public static Keeps Keeps => Keeps.Argument;

        public void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Hardswish(x, y);

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate) => VectorMath.HardswishBackward(dy, x, dx, accumulate);
    }
}
