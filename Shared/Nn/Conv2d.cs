using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// 2-d convolution: input <c>[N, C, H, W]</c>, weight <c>[O, C/groups, kH, kW]</c>, output <c>[N, O, H′, W′]</c>. Weight and bias start uniform in ±1/√(C/groups·kH·kW), as PyTorch's.
/// </summary>
public sealed class Conv2d : Module
{
    private readonly Size2d stride;
    private readonly Size2d padding;
    private readonly Size2d dilation;
    private readonly int groups;
    private readonly string text;

    /// <summary>Makes a layer.</summary>
    /// <exception cref="ArgumentException">A size, stride or dilation is less than 1, padding less than 0, or groups do not divide the channels.</exception>
    public Conv2d(int inChannels, int outChannels, Size2d kernelSize, Size2d? stride = null, Size2d? padding = null, Size2d? dilation = null, int groups = 1, bool bias = true)
    {
        Init.RequireChannels("Conv2d", inChannels, outChannels, groups);
        (this.stride, this.padding, this.dilation, this.groups) = (stride ?? 1, padding ?? 0, dilation ?? 1, groups);
        Init.RequireWindow("Conv2d", kernelSize, this.stride, this.padding, this.dilation);
        text = $"Conv2d({inChannels}, {outChannels}, {kernelSize}, stride: {this.stride}, padding: {this.padding}{(groups == 1 ? "" : $", groups: {groups}")})";
        float bound = 1f / MathF.Sqrt(inChannels / groups * kernelSize.Height * kernelSize.Width);
        Weight = Register("weight", new Parameter(Init.Uniform([outChannels, inChannels / groups, kernelSize.Height, kernelSize.Width], -bound, bound)));
        if (bias) Bias = Register("bias", new Parameter(Init.Uniform([outChannels], -bound, bound)));
    }

    /// <summary>The weight, <c>[O, C/groups, kH, kW]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>The bias, <c>[O]</c>; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Forward(input, Activation.None);

    /// <summary>The layer followed by an activation, computed in one pass.</summary>
    internal Tensor Forward(Tensor input, Activation activation) => input.Conv2d(Weight, Bias?.Value, stride, padding, dilation, groups, activation);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var shape = OnnxWindows.Require(graph, input, 4, ToString());
        ImmutableArray<int> sizes = [OnnxWindows.Size(shape[2], Weight.Shape[2], stride.Height, padding.Height, dilation.Height), OnnxWindows.Size(shape[3], Weight.Shape[3], stride.Width, padding.Width, dilation.Width)];
        return graph.Node(
            "Conv", [input, graph.Parameter(Weight), Bias is { } bias ? graph.Parameter(bias) : null], [shape[0], Weight.Shape[0], .. sizes],
            [("strides", OnnxWindows.Pair(stride)), ("pads", OnnxWindows.Pads(padding)), ("dilations", OnnxWindows.Pair(dilation)), ("group", (long)groups), ("kernel_shape", new long[] { Weight.Shape[2], Weight.Shape[3] })]);
    }

    /// <inheritdoc/>
    public override string ToString() => text;
}
