using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// 2-d convolution, as PyTorch's <c>conv2d</c>: input <c>[N, C, H, W]</c> or <c>[C, H, W]</c>, weight <c>[O, C/groups, kH, kW]</c>, bias <c>[O]</c> or none, output <c>[N, O, H′, W′]</c>. Pairs are
        /// (height, width); one number stands for both.
        /// </summary>
        /// <param name="weight">The kernels.</param>
        /// <param name="bias">Added to each output channel; none if null.</param>
        /// <param name="stride">The step between windows, at least 1.</param>
        /// <param name="padding">Zeros on each side.</param>
        /// <param name="dilation">The distance between a window's elements, at least 1.</param>
        /// <param name="groups">Into how many parts the channels are divided; input and output channels are multiples.</param>
        /// <param name="activation">Applied to the result in the same pass.</param>
        /// <exception cref="ArgumentException">Shapes or settings do not fit.</exception>
        public Tensor Conv2d(Tensor weight, Tensor? bias = null, Size2d? stride = null, Size2d? padding = null, Size2d? dilation = null, int groups = 1, Activation activation = Activation.None)
        {
            if (x.Rank == 3 && weight.Rank == 4) return x.Unsqueeze(0).Conv2d(weight, bias, stride, padding, dilation, groups, activation).Squeeze(0);
            RequireConvolution("Conv2d", x, weight, bias, 4, groups, weight.Rank == 4 ? weight.Shape[0] : 0);
            Size2d step = stride ?? 1, pad = padding ?? 0, spread = dilation ?? 1;
            var shape = new ConvShape(
                x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], weight.Shape[0], weight.Shape[2], weight.Shape[3], step.Height, step.Width, pad.Height, pad.Width, spread.Height, spread.Width, groups);
            Tensor input = x.Contiguous(), kernel = weight.Contiguous();
            var y = TensorMemory.Empty(new Shape(shape.Batch, shape.OutChannels, shape.OutHeight, shape.OutWidth));
            Simd.Convolution.Forward(shape, input.Span, kernel.Span, bias is { } b ? b.Contiguous().Span : default, y.Span, activation);
            var rule = bias is { } third ? Recorder.Record<ConvolutionRule>(y, input, kernel, third) : Recorder.Record<ConvolutionRule>(y, input, kernel);
            if (rule == null) return y;
            (rule.X, rule.Weight, rule.Geometry, rule.HasBias, rule.Rectified) = (input, kernel, shape, bias != null, activation == Activation.Relu);
            if (rule.Rectified) rule.Y = y;
            return y;
        }

        /// <summary>
        /// 1-d convolution, as PyTorch's <c>conv1d</c>: input <c>[N, C, L]</c> or <c>[C, L]</c>, weight <c>[O, C/groups, k]</c>, bias <c>[O]</c> or none, output <c>[N, O, L′]</c>.
        /// </summary>
        /// <exception cref="ArgumentException">Shapes or settings do not fit.</exception>
        public Tensor Conv1d(Tensor weight, Tensor? bias = null, int stride = 1, int padding = 0, int dilation = 1, int groups = 1)
        {
            if (x.Rank is not (2 or 3) || weight.Rank != 3) throw new ArgumentException($"Conv1d: input {x.Shape} and weight {weight.Shape}, expected [N, C, L] and [O, C/groups, k]");
            return x.Unsqueeze(-2).Conv2d(weight.Unsqueeze(2), bias, (1, stride), (0, padding), (1, dilation), groups).Squeeze(-2);
        }
    }

    private static void RequireConvolution(string operation, Tensor x, Tensor weight, Tensor? bias, int rank, int groups, int outputs)
    {
        Types.RequireFloat(x, operation);
        Types.RequireFloat(weight, operation);
        bool transposed = operation == "ConvTranspose2d";
        if (groups < 1) throw new ArgumentException($"{operation}: groups was {groups}, expected at least 1");
        if (x.Rank != rank || weight.Rank != rank || (transposed ? weight.Shape[0] : weight.Shape[1] * groups) != x.Shape[1])
            throw new ArgumentException($"{operation}: input {x.Shape} and weight {weight.Shape} with {groups} groups, expected [N, C, H, W] and {(transposed ? "[C, O/groups, kH, kW]" : "[O, C/groups, kH, kW]")}");
        if ((transposed ? x.Shape[1] : outputs) % groups != 0) throw new ArgumentException($"{operation}: {(transposed ? x.Shape[1] : outputs)} channels are no multiple of {groups} groups");
        if (bias is { } b && (b.Rank != 1 || b.Shape[0] != outputs)) throw new ArgumentException($"{operation}: bias {b.Shape}, expected [{outputs}]");
    }

    private sealed class ConvolutionRule : Rule
    {
        public Saved X;
        public Saved Weight;
        public Saved Y;
        public ConvShape Geometry;
        public bool HasBias;
        public bool Rectified;

        public override string Name => "Conv2d";

        internal override (string Name, object Value)[] Settings => [("geometry", Geometry), ("relu", Rectified)];

        protected override void Backward(Tensor gradient)
        {
            var (incoming, bias) = (gradient, HasBias && Needs(2));
            if (Rectified) gradient = Scratch(gradient);
            var g = gradient.Span;
            if (bias)
            {
                var target = Target(2, out bool accumulate);
                if (Rectified) Simd.Convolution.BackwardReluBias(Geometry, incoming.Span, Y.Get(this).Span, g, target, accumulate);
                else Simd.Convolution.BackwardBias(Geometry, g, target, accumulate);
            }
            else if (Rectified)
            {
                VectorMath.ReluBackward(incoming.Span, Y.Get(this).Span, g);
            }
            if (Needs(1))
            {
                var target = Target(1, out bool accumulate);
                Simd.Convolution.BackwardWeight(Geometry, X.Get(this).Span, g, target, accumulate);
            }
            if (Needs(0))
            {
                var target = Target(0, out bool accumulate);
                Simd.Convolution.BackwardInput(Geometry, g, Weight.Get(this).Span, target, accumulate);
            }
        }

        protected override void Forget() => X = Weight = Y = default;
    }
}
