using System.Runtime.InteropServices;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// The largest element of each window of <c>[N, C, H, W]</c> or <c>[C, H, W]</c>, as PyTorch's <c>max_pool2d</c>. The gradient goes to the first of equals.
        /// </summary>
        /// <param name="kernelSize">The windows' size.</param>
        /// <param name="stride">The step between windows; the windows' size if null.</param>
        /// <param name="padding">On each side, at most half the window; padding never wins.</param>
        /// <exception cref="ArgumentException">Shapes or settings do not fit.</exception>
        public Tensor MaxPool2d(Size2d kernelSize, Size2d? stride = null, Size2d? padding = null)
        {
            var shape = PoolOf(x, kernelSize, stride, padding, "MaxPool2d");
            var input = x.Contiguous();
            var y = TensorMemory.Empty(x.Shape.With(-2, shape.OutHeight).With(-1, shape.OutWidth));
            // Indices are integers in the memory of a float tensor: no other type of the arena has 32 bits.
            var winners = TensorMemory.Empty(y.Shape);
            Simd.Pooling.MaxForward(shape, input.Span, y.Span, MemoryMarshal.Cast<float, int>(winners.Span));
            if (Recorder.Record<MaxPoolRule>(y, input) is { } rule) (rule.Winners, rule.Geometry) = (winners, shape);
            return y;
        }

        /// <summary>The mean of each window of <c>[N, C, H, W]</c> or <c>[C, H, W]</c>, zeros of the padding included, as PyTorch's <c>avg_pool2d</c>.</summary>
        /// <param name="kernelSize">The windows' size.</param>
        /// <param name="stride">The step between windows; the windows' size if null.</param>
        /// <param name="padding">Zeros on each side, at most half the window.</param>
        /// <exception cref="ArgumentException">Shapes or settings do not fit.</exception>
        public Tensor AvgPool2d(Size2d kernelSize, Size2d? stride = null, Size2d? padding = null)
        {
            var shape = PoolOf(x, kernelSize, stride, padding, "AvgPool2d");
            var input = x.Contiguous();
            var y = TensorMemory.Empty(x.Shape.With(-2, shape.OutHeight).With(-1, shape.OutWidth));
            Simd.Pooling.AverageForward(shape, input.Span, y.Span);
            if (Recorder.Record<AvgPoolRule>(y, input) is { } rule) rule.Geometry = shape;
            return y;
        }

        /// <summary>The means of as many windows as the output is to have elements, as PyTorch's <c>adaptive_avg_pool2d</c>: <c>[N, C, H, W]</c> to <c>[N, C, outputSize]</c>.</summary>
        /// <exception cref="ArgumentException">The tensor is no image, or a size is less than 1.</exception>
        public Tensor AdaptiveAvgPool2d(Size2d outputSize)
        {
            RequireImage(x, "AdaptiveAvgPool2d");
            if (outputSize.Height < 1 || outputSize.Width < 1) throw new ArgumentException($"AdaptiveAvgPool2d: the output size was {outputSize}, expected at least 1");
            var input = x.Contiguous();
            var y = TensorMemory.Empty(x.Shape.With(-2, outputSize.Height).With(-1, outputSize.Width));
            int planes = y.Numel / (outputSize.Height * outputSize.Width);
            Simd.Pooling.AdaptiveAverageForward(planes, x.Shape[^2], x.Shape[^1], outputSize.Height, outputSize.Width, input.Span, y.Span);
            Recorder.Record<AdaptiveAvgPoolRule>(y, input);
            return y;
        }
    }

    private static void RequireImage(Tensor x, string operation)
    {
        Types.RequireFloat(x, operation);
        if (x.Rank is not (3 or 4)) throw new ArgumentException($"{operation}: input {x.Shape}, expected [N, C, H, W] or [C, H, W]");
    }

    private static PoolShape PoolOf(Tensor x, Size2d kernel, Size2d? stride, Size2d? padding, string operation)
    {
        RequireImage(x, operation);
        Size2d step = stride ?? kernel, pad = padding ?? 0;
        int planes = x.Rank == 4 ? x.Shape[0] * x.Shape[1] : x.Shape[0];
        var shape = new PoolShape(planes, x.Shape[^2], x.Shape[^1], kernel.Height, kernel.Width, step.Height, step.Width, pad.Height, pad.Width);
        try
        {
            shape.Validate();
        }
        catch (ArgumentException error)
        {
            throw new ArgumentException($"{operation}: input {x.Shape}: {error.Message}", error);
        }
        return shape;
    }

    private sealed class MaxPoolRule : Rule
    {
        public Saved Winners;
        public PoolShape Geometry;

        public override string Name => "MaxPool2d";

        internal override (string Name, object Value)[] Settings => [("geometry", Geometry)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            Simd.Pooling.MaxBackward(Geometry, gradient.Span, MemoryMarshal.Cast<float, int>(Winners.Get(this).Span), target, accumulate);
        }

        protected override void Forget() => Winners = default;
    }

    private sealed class AvgPoolRule : Rule
    {
        public PoolShape Geometry;

        public override string Name => "AvgPool2d";

        internal override (string Name, object Value)[] Settings => [("geometry", Geometry)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            Simd.Pooling.AverageBackward(Geometry, gradient.Span, target, accumulate);
        }

        protected override void Forget() { }
    }

    private sealed class AdaptiveAvgPoolRule : Rule
    {
        public override string Name => "AdaptiveAvgPool2d";

        protected override void Backward(Tensor gradient)
        {
            var (from, to) = (InputShape(0), OutputShape);
            var target = Target(0, out bool accumulate);
            Simd.Pooling.AdaptiveAverageBackward(to.Without(-1).Without(-1).Numel, from[^2], from[^1], to[^2], to[^1], gradient.Span, target, accumulate);
        }

        protected override void Forget() { }
    }
}
