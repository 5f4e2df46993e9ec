using DistTrain.Autograd;
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
    public override string ToString() => $"AvgPool2d({kernelSize}, stride: {stride ?? kernelSize}, padding: {padding ?? 0})";
}

/// <summary>Means over as many windows as the output is to have: input <c>[N, C, H, W]</c>, output <c>[N, C, height, width]</c>.</summary>
/// <param name="outputSize">The output's height and width.</param>
public sealed class AdaptiveAvgPool2d(Size2d outputSize) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.AdaptiveAvgPool2d(outputSize);

    /// <inheritdoc/>
    public override string ToString() => $"AdaptiveAvgPool2d({outputSize})";
}
