using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// An element-wise function whose derivative costs little once the value is known: forward keeps the derivative instead of the argument, and backward is one product.
/// </summary>
internal interface ISlopeFunction
{
    /// <summary>y = f(x).</summary>
    static abstract void Forward(ReadOnlySpan<float> x, Span<float> y);

    /// <summary>y = f(x) with the bits of <see cref="Forward(ReadOnlySpan{float}, Span{float})"/>, and slope = f′(x).</summary>
    static abstract void Forward(ReadOnlySpan<float> x, Span<float> y, Span<float> slope);
}

public static partial class TensorOps
{
    /// <summary>Applies a function of which backward wants the derivative, and records it.</summary>
    private static Tensor ApplyWithSlope<TFunction>(Tensor x) where TFunction : struct, ISlopeFunction
    {
        if (x.Type != DType.Float32) Types.RequireFloat(x, RuleName.Of(typeof(TFunction)));
        var source = x.Contiguous();
        var y = TensorMemory.Empty(source.Shape);
        if (Recorder.Record<SlopeRule<TFunction>>(y, source) is { } rule)
        {
            var slope = TensorMemory.Empty(source.Shape);
            TFunction.Forward(source.Span, y.Span, slope.Span);
            rule.Slope = slope;
        }
        else
        {
            TFunction.Forward(source.Span, y.Span);
        }
        return y;
    }

    private sealed class SlopeRule<TFunction> : Rule where TFunction : struct, ISlopeFunction
    {
        public Saved Slope;

        public override string Name => RuleName.Of(typeof(TFunction));

        protected override void Backward(Tensor gradient)
        {
            var slope = Slope.Get(this).Span;
            if (TakesMemory(0))
            {
                var own = Scratch(gradient);
                Elementwise.Multiply(gradient.Span, slope, own.Span);
                Pass(0, own, gradient);
                return;
            }
            var target = Target(0, out bool accumulate);
            if (accumulate) Elementwise.MultiplyAccumulate(gradient.Span, slope, target);
            else Elementwise.Multiply(gradient.Span, slope, target);
        }

        protected override void Forget() => Slope = default;
    }

    private readonly struct GeluFunction : ISlopeFunction
    {
        public static void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Gelu(x, y);

        public static void Forward(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => VectorMath.GeluWithSlope(x, y, slope);
    }

    private readonly struct GeluTanhFunction : ISlopeFunction
    {
        public static void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.GeluTanh(x, y);

        public static void Forward(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => VectorMath.GeluTanhWithSlope(x, y, slope);
    }

    private readonly struct SiluFunction : ISlopeFunction
    {
        public static void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Silu(x, y);

        public static void Forward(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => VectorMath.SiluWithSlope(x, y, slope);
    }

    private readonly struct MishFunction : ISlopeFunction
    {
        public static void Forward(ReadOnlySpan<float> x, Span<float> y) => VectorMath.Mish(x, y);

        public static void Forward(ReadOnlySpan<float> x, Span<float> y, Span<float> slope) => VectorMath.MishWithSlope(x, y, slope);
    }
}
