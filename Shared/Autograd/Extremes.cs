using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor a)
    {
        /// <summary>The larger of a and b element by element, with broadcasting. Where they are equal each gets half of the gradient.</summary>
        public Tensor Maximum(Tensor b) => Apply<MaximumOperator>(a, b);

        /// <summary>The smaller of a and b element by element, with broadcasting. Where they are equal each gets half of the gradient.</summary>
        public Tensor Minimum(Tensor b) => Apply<MinimumOperator>(a, b);
    }

    /// <summary>a held in [low, high]; NaN everywhere where a bound is, as the larger or smaller of anything and NaN is.</summary>
    private static void Bounded(ReadOnlySpan<float> a, float low, float high, Span<float> destination)
    {
        if (float.IsNaN(low) || float.IsNaN(high)) destination.Fill(float.NaN);
        else Elementwise.Clamp(a, low, high, destination);
    }

    internal readonly struct MaximumOperator : IDifferentiableOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Maximum(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Bounded(a, b, float.IsNaN(b) ? b : float.PositiveInfinity, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Apply(b, a, destination);

        public static void BackwardFirst(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate) => Elementwise.MaximumBackward(dy, a, b, da, accumulate);

        public static void BackwardSecond(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate) => Elementwise.MaximumBackward(dy, b, a, db, accumulate);
    }

    internal readonly struct MinimumOperator : IDifferentiableOperator
    {
        public static void Apply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> destination) => Elementwise.Minimum(a, b, destination);

        public static void Apply(ReadOnlySpan<float> a, float b, Span<float> destination) => Bounded(a, float.IsNaN(b) ? b : float.NegativeInfinity, b, destination);

        public static void Apply(float a, ReadOnlySpan<float> b, Span<float> destination) => Apply(b, a, destination);

        // The gradient goes to the larger one's place of the maximum: arguments exchanged.
        public static void BackwardFirst(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> da, bool accumulate) => Elementwise.MaximumBackward(dy, b, a, da, accumulate);

        public static void BackwardSecond(ReadOnlySpan<float> dy, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> db, bool accumulate) => Elementwise.MaximumBackward(dy, a, b, db, accumulate);
    }
}
