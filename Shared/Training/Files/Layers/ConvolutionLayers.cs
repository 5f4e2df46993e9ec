using System.ComponentModel.DataAnnotations;
using DistTrain.Autograd;
using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>A convolution of sequences [channels, length].</summary>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="KernelSize">Length of the window.</param>
/// <param name="InChannels">Channels of the input: those that come in.</param>
/// <param name="Stride">Distance of windows.</param>
/// <param name="Padding">Zeros at each end.</param>
/// <param name="Dilation">Distance of a window's elements.</param>
/// <param name="Groups">Parts of the channels that see only each other.</param>
/// <param name="Bias">Whether there is a bias.</param>
public sealed record Conv1dLayer(
    [Range(1, int.MaxValue)] int OutChannels, [Range(1, int.MaxValue)] int KernelSize, [Range(1, int.MaxValue)] int? InChannels = null, [Range(1, int.MaxValue)] int Stride = 1, [Range(0, int.MaxValue)] int Padding = 0,
    [Range(1, int.MaxValue)] int Dilation = 1, [Range(1, int.MaxValue)] int Groups = 1, bool Bias = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Conv1d(input.Fit("in_channels", InChannels, input.Channels(2, "[channels, length]")), OutChannels, KernelSize, Stride, Padding, Dilation, Groups, Bias);
}

/// <summary>A convolution of images [channels, height, width].</summary>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="KernelSize">The window: one size for both dimensions, or [height, width].</param>
/// <param name="InChannels">Channels of the input: those that come in.</param>
/// <param name="Stride">Distance of windows.</param>
/// <param name="Padding">Rows and columns of zeros around the image.</param>
/// <param name="Dilation">Distance of a window's elements.</param>
/// <param name="Groups">Parts of the channels that see only each other.</param>
/// <param name="Bias">Whether there is a bias.</param>
public sealed record Conv2dLayer(
    [Range(1, int.MaxValue)] int OutChannels, Size2d KernelSize, [Range(1, int.MaxValue)] int? InChannels = null, Size2d? Stride = null, Size2d? Padding = null, Size2d? Dilation = null, [Range(1, int.MaxValue)] int Groups = 1,
    bool Bias = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Conv2d(input.Fit("in_channels", InChannels, input.Channels(3, "[channels, height, width]")), OutChannels, KernelSize, Stride, Padding, Dilation, Groups, Bias);
}

/// <summary>A transposed convolution of images [channels, height, width], which makes them larger.</summary>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="KernelSize">The window: one size for both dimensions, or [height, width].</param>
/// <param name="InChannels">Channels of the input: those that come in.</param>
/// <param name="Stride">Distance of windows.</param>
/// <param name="Padding">Rows and columns that are taken off around the output.</param>
/// <param name="OutputPadding">Rows and columns that are added at one side of the output.</param>
/// <param name="Groups">Parts of the channels that see only each other.</param>
/// <param name="Bias">Whether there is a bias.</param>
/// <param name="Dilation">Distance of a window's elements.</param>
public sealed record ConvTranspose2dLayer(
    [Range(1, int.MaxValue)] int OutChannels, Size2d KernelSize, [Range(1, int.MaxValue)] int? InChannels = null, Size2d? Stride = null, Size2d? Padding = null, Size2d? OutputPadding = null,
    [Range(1, int.MaxValue)] int Groups = 1, bool Bias = true, Size2d? Dilation = null) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new ConvTranspose2d(
        input.Fit("in_channels", InChannels, input.Channels(3, "[channels, height, width]")), OutChannels, KernelSize, Stride, Padding, OutputPadding, Groups, Bias, Dilation);
}

/// <summary>The largest element of each window of an image.</summary>
/// <param name="KernelSize">The window: one size for both dimensions, or [height, width].</param>
/// <param name="Stride">Distance of windows; the window's size where none is given.</param>
/// <param name="Padding">Rows and columns around the image that never win.</param>
public sealed record MaxPool2dLayer(Size2d KernelSize, Size2d? Stride = null, Size2d? Padding = null) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new MaxPool2d(KernelSize, Stride, Padding);
}

/// <summary>The mean of each window of an image.</summary>
/// <param name="KernelSize">The window: one size for both dimensions, or [height, width].</param>
/// <param name="Stride">Distance of windows; the window's size where none is given.</param>
/// <param name="Padding">Rows and columns of zeros around the image.</param>
public sealed record AvgPool2dLayer(Size2d KernelSize, Size2d? Stride = null, Size2d? Padding = null) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new AvgPool2d(KernelSize, Stride, Padding);
}

/// <summary>Means of as many windows as the output has elements, whatever the image's size.</summary>
/// <param name="OutputSize">The output: one size for both dimensions, or [height, width].</param>
public sealed record AdaptiveAvgPool2dLayer(Size2d OutputSize) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new AdaptiveAvgPool2d(OutputSize);
}
