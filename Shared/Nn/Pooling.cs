using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>The largest value of each window: input <c>[N, C, H, W]</c>.</summary>
/// <param name="kernelSize">The window.</param>
/// <param name="stride">The distance of windows; the window's size if null.</param>
/// <param name="padding">Rows and columns around the image that never win.</param>
public sealed class MaxPool2d(Size2d kernelSize, Size2d? stride = null, Size2d? padding = null) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.MaxPool2d(kernelSize, stride, padding);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => OnnxWindows.Pool(graph, "MaxPool", input, kernelSize, stride ?? kernelSize, padding ?? 0, ToString());

    /// <inheritdoc/>
    public override string ToString() => $"MaxPool2d({kernelSize}, stride: {stride ?? kernelSize}, padding: {padding ?? 0})";
}

/// <summary>The mean of each window: input <c>[N, C, H, W]</c>. Padding counts as zeros, as in PyTorch.</summary>
/// <param name="kernelSize">The window.</param>
/// <param name="stride">The distance of windows; the window's size if null.</param>
/// <param name="padding">Rows and columns of zeros around the image.</param>
public sealed class AvgPool2d(Size2d kernelSize, Size2d? stride = null, Size2d? padding = null) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.AvgPool2d(kernelSize, stride, padding);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => OnnxWindows.Pool(graph, "AveragePool", input, kernelSize, stride ?? kernelSize, padding ?? 0, ToString(), ("count_include_pad", 1L));

    /// <inheritdoc/>
    public override string ToString() => $"AvgPool2d({kernelSize}, stride: {stride ?? kernelSize}, padding: {padding ?? 0})";
}

/// <summary>Means over as many windows as the output is to have: input <c>[N, C, H, W]</c>, output <c>[N, C, height, width]</c>.</summary>
/// <param name="outputSize">The output's height and width.</param>
public sealed class AdaptiveAvgPool2d(Size2d outputSize) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.AdaptiveAvgPool2d(outputSize);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var shape = OnnxWindows.Require(graph, input, 4, ToString());
        if (outputSize == new Size2d(1, 1)) return graph.Node("GlobalAveragePool", [input], [shape[0], shape[1], 1, 1]);
        if (shape[2] == OnnxValue.Dynamic || shape[3] == OnnxValue.Dynamic) throw graph.Error($"{this} cannot be exported for images whose size is not known, {input}");
        // Windows may differ in size: as products with a matrix of shares from either side.
        var rows = graph.Constant(OnnxWindows.Shares(shape[2], outputSize.Height, transposed: false), outputSize.Height, shape[2]);
        var columns = graph.Constant(OnnxWindows.Shares(shape[3], outputSize.Width, transposed: true), shape[3], outputSize.Width);
        return graph.MatMul(rows, graph.MatMul(input, columns));
    }

    /// <inheritdoc/>
    public override string ToString() => $"AdaptiveAvgPool2d({outputSize})";
}
