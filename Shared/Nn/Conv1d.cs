using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// 1-d convolution: input <c>[N, C, L]</c>, weight <c>[O, C/groups, k]</c>, output <c>[N, O, L′]</c>. Weight and bias start uniform in ±1/√(C/groups·k), as PyTorch's.
/// </summary>
public sealed class Conv1d : Module
{
    private readonly int stride;
    private readonly int padding;
    private readonly int dilation;
    private readonly int groups;
    private readonly string text;

    /// <summary>Makes a layer.</summary>
    /// <exception cref="ArgumentException">A size, stride or dilation is less than 1, padding less than 0, or groups do not divide the channels.</exception>
    public Conv1d(int inChannels, int outChannels, int kernelSize, int stride = 1, int padding = 0, int dilation = 1, int groups = 1, bool bias = true)
    {
        Init.RequireChannels("Conv1d", inChannels, outChannels, groups);
        Init.RequireWindow("Conv1d", kernelSize, stride, padding, dilation);
        (this.stride, this.padding, this.dilation, this.groups) = (stride, padding, dilation, groups);
        text = $"Conv1d({inChannels}, {outChannels}, {kernelSize}, stride: {stride}, padding: {padding})";
        float bound = 1f / MathF.Sqrt(inChannels / groups * kernelSize);
        Weight = Register("weight", new Parameter(Init.Uniform([outChannels, inChannels / groups, kernelSize], -bound, bound)));
        if (bias) Bias = Register("bias", new Parameter(Init.Uniform([outChannels], -bound, bound)));
    }

    /// <summary>The weight, <c>[O, C/groups, k]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>The bias, <c>[O]</c>; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Conv1d(Weight, Bias?.Value, stride, padding, dilation, groups);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var shape = OnnxWindows.Require(graph, input, 3, ToString());
        ImmutableArray<int> sizes = [OnnxWindows.Size(shape[2], Weight.Shape[2], stride, padding, dilation)];
        return graph.Node(
            "Conv", [input, graph.Parameter(Weight), Bias is { } bias ? graph.Parameter(bias) : null], [shape[0], Weight.Shape[0], .. sizes],
            [("strides", new long[] { stride }), ("pads", new long[] { padding, padding }), ("dilations", new long[] { dilation }), ("group", (long)groups), ("kernel_shape", new long[] { Weight.Shape[2] })]);
    }

    /// <inheritdoc/>
    public override string ToString() => text;
}
