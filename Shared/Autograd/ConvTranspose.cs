using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// Transposed 2-d convolution, the gradient of <c>Conv2d</c> with respect to its input, as PyTorch's <c>conv_transpose2d</c>: input <c>[N, C, H, W]</c>, weight <c>[C, O/groups, kH, kW]</c>, bias
        /// <c>[O]</c> or none, output <c>[N, O, H′, W′]</c> with H′ = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1.
        /// </summary>
        /// <exception cref="ArgumentException">Shapes or settings do not fit; outputPadding is not less than stride or dilation.</exception>
        public Tensor ConvTranspose2d(
            Tensor weight, Tensor? bias = null, Size2d? stride = null, Size2d? padding = null, Size2d? outputPadding = null, int groups = 1, Size2d? dilation = null)
        {
            if (x.Rank == 3 && weight.Rank == 4) return x.Unsqueeze(0).ConvTranspose2d(weight, bias, stride, padding, outputPadding, groups, dilation).Squeeze(0);
            int outputs = weight.Rank == 4 ? weight.Shape[1] * groups : 0;
            RequireConvolution("ConvTranspose2d", x, weight, bias, 4, groups, outputs);
            Size2d step = stride ?? 1, pad = padding ?? 0, extra = outputPadding ?? 0, spread = dilation ?? 1;
            if (extra.Height < 0 || extra.Width < 0 || extra.Height >= Math.Max(step.Height, spread.Height) || extra.Width >= Math.Max(step.Width, spread.Width))
                throw new ArgumentException($"ConvTranspose2d: outputPadding was {extra}, expected less than stride {step} or dilation {spread}");
            // The convolution that this is the gradient of goes from the output to the input.
            int height = (x.Shape[2] - 1) * step.Height - 2 * pad.Height + spread.Height * (weight.Shape[2] - 1) + extra.Height + 1;
            int width = (x.Shape[3] - 1) * step.Width - 2 * pad.Width + spread.Width * (weight.Shape[3] - 1) + extra.Width + 1;
            if (height < 1 || width < 1) throw new ArgumentException($"ConvTranspose2d: input {x.Shape}, weight {weight.Shape}, padding {pad}: the output would be {height} x {width}, expected at least 1 x 1");
            var shape = new ConvShape(
                x.Shape[0], outputs, height, width, x.Shape[1], weight.Shape[2], weight.Shape[3], step.Height, step.Width, pad.Height, pad.Width, spread.Height, spread.Width, groups);
            Tensor input = x.Contiguous(), kernel = weight.Contiguous();
            var y = TensorMemory.Empty(new Shape(shape.Batch, outputs, height, width));
            Simd.Convolution.BackwardInput(shape, input.Span, kernel.Span, y.Span);
            if (bias is { } b) Elementwise.AddChannel(shape.Batch, outputs, height * width, y.Span, b.Contiguous().Span, y.Span);
            var rule = bias is { } third ? Recorder.Record<ConvTransposeRule>(y, input, kernel, third) : Recorder.Record<ConvTransposeRule>(y, input, kernel);
            if (rule != null) (rule.X, rule.Weight, rule.Geometry, rule.HasBias) = (input, kernel, shape, bias != null);
            return y;
        }
    }

    private sealed class ConvTransposeRule : Rule
    {
        public Saved X;
        public Saved Weight;
        public ConvShape Geometry;
        public bool HasBias;

        public override string Name => "ConvTranspose2d";

        internal override (string Name, object Value)[] Settings => [("geometry", Geometry)];

        protected override void Backward(Tensor gradient)
        {
            var g = gradient.Span;
            if (HasBias && Needs(2))
            {
                var target = Target(2, out bool accumulate);
                Reduce.ChannelSum(Geometry.Batch, Geometry.InChannels, Geometry.Height * Geometry.Width, g, target, accumulate);
            }
            if (Needs(1))
            {
                var target = Target(1, out bool accumulate);
                Simd.Convolution.BackwardWeight(Geometry, g, X.Get(this).Span, target, accumulate);
            }
            if (!Needs(0)) return;
            var result = TensorMemory.Empty(InputShape(0));
            Simd.Convolution.Forward(Geometry, g, Weight.Get(this).Span, default, result.Span);
            GiveNew(0, result);
        }

        protected override void Forget() => X = Weight = default;
    }
}
