using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Transposed 2-d convolution: input <c>[N, C, H, W]</c>, weight <c>[C, O/groups, kH, kW]</c>, output <c>[N, O, H′, W′]</c>. Weight and bias start uniform in ±1/√(O/groups·kH·kW), as PyTorch's.
/// </summary>
public sealed class ConvTranspose2d : Module
{
    private readonly Size2d stride;
    private readonly Size2d padding;
    private readonly Size2d outputPadding;
    private readonly Size2d dilation;
    private readonly int groups;
    private readonly string text;

    /// <summary>Makes a layer.</summary>
    /// <exception cref="ArgumentException">A size, stride or dilation is less than 1, padding less than 0, or groups do not divide the channels.</exception>
    public ConvTranspose2d(
        int inChannels, int outChannels, Size2d kernelSize, Size2d? stride = null, Size2d? padding = null, Size2d? outputPadding = null, int groups = 1, bool bias = true, Size2d? dilation = null)
    {
        Init.RequireChannels("ConvTranspose2d", inChannels, outChannels, groups);
        (this.stride, this.padding, this.outputPadding, this.dilation, this.groups) = (stride ?? 1, padding ?? 0, outputPadding ?? 0, dilation ?? 1, groups);
        Init.RequireWindow("ConvTranspose2d", kernelSize, this.stride, this.padding, this.dilation);
        text = $"ConvTranspose2d({inChannels}, {outChannels}, {kernelSize}, stride: {this.stride}, padding: {this.padding})";
        float bound = 1f / MathF.Sqrt(outChannels / groups * kernelSize.Height * kernelSize.Width);
        Weight = Register("weight", new Parameter(Init.Uniform([inChannels, outChannels / groups, kernelSize.Height, kernelSize.Width], -bound, bound)));
        if (bias) Bias = Register("bias", new Parameter(Init.Uniform([outChannels], -bound, bound)));
    }

    /// <summary>The weight, <c>[C, O/groups, kH, kW]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>The bias, <c>[O]</c>; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.ConvTranspose2d(Weight, Bias?.Value, stride, padding, outputPadding, groups, dilation);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var shape = OnnxWindows.Require(graph, input, 4, ToString());
        return graph.Node(
            "ConvTranspose", [input, graph.Parameter(Weight), Bias is { } bias ? graph.Parameter(bias) : null],
            [
                shape[0], Weight.Shape[1] * groups,
                OnnxWindows.TransposedSize(shape[2], Weight.Shape[2], stride.Height, padding.Height, dilation.Height, outputPadding.Height),
                OnnxWindows.TransposedSize(shape[3], Weight.Shape[3], stride.Width, padding.Width, dilation.Width, outputPadding.Width),
            ],
            [
                ("strides", OnnxWindows.Pair(stride)), ("pads", OnnxWindows.Pads(padding)), ("dilations", OnnxWindows.Pair(dilation)), ("output_padding", OnnxWindows.Pair(outputPadding)),
                ("group", (long)groups), ("kernel_shape", new long[] { Weight.Shape[2], Weight.Shape[3] }),
            ]);
    }

    /// <inheritdoc/>
    public override string ToString() => text;
}
