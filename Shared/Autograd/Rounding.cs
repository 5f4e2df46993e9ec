using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>−1, 0 or 1. As of the other functions here, the gradient is zero.</summary>
        public Tensor Sign() => Apply(x, new StepFunction(Steps.Sign));

        /// <summary>The largest whole number not above x.</summary>
        public Tensor Floor() => Apply(x, new StepFunction(Steps.Floor));

        /// <summary>The smallest whole number not below x.</summary>
        public Tensor Ceil() => Apply(x, new StepFunction(Steps.Ceil));

        /// <summary>The nearest whole number; of two equally near the even one.</summary>
        public Tensor Round() => Apply(x, new StepFunction(Steps.Round));
    }

    private enum Steps
    {
        Sign,
        Floor,
        Ceil,
        Round,
    }

    /// <summary>Functions that are constant but for jumps.</summary>
    private readonly struct StepFunction(Steps kind) : IFunction
    {
        public static Keeps Keeps => Keeps.Nothing;

        public void Forward(ReadOnlySpan<float> x, Span<float> y)
        {
            switch (kind)
            {
                case Steps.Sign: Elementwise.Sign(x, y); break;
                case Steps.Floor: Elementwise.Floor(x, y); break;
                case Steps.Ceil: Elementwise.Ceiling(x, y); break;
                default: Elementwise.Round(x, y); break;
            }
        }

        public void Backward(ReadOnlySpan<float> dy, ReadOnlySpan<float> saved, Span<float> dx, bool accumulate)
        {
            if (!accumulate) dx.Clear();
        }
    }
}
