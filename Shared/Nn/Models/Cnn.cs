using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>
/// Two convolutions with pooling, then two linear layers: conv 1 to 32 3×3, ReLU, max-pool 2, conv 32 to 64 3×3, ReLU, max-pool 2, flatten, linear to 128, ReLU, linear to the classes. The state dict is
/// that of PyTorch's <c>Sequential</c> of the same layers.
/// </summary>
/// <param name="options">Image shape (<c>[H, W]</c> or <c>[C, H, W]</c>), classes and dropout (before the linear layers).</param>
/// <param name="batchNorm">Whether a batch normalization follows each convolution.</param>
/// <exception cref="UserErrorException">The inputs are no images, or too small.</exception>
public sealed class Cnn(ModelOptions options, bool batchNorm = false) : Sequential(Layers(options, batchNorm))
{
    private readonly int channels = Image(options).Channels;
    private readonly int height = Image(options).Height;
    private readonly int width = Image(options).Width;

    /// <summary>Takes images <c>[N, C, H, W]</c>, or anything with as many elements, gives logits <c>[N, classes]</c>.</summary>
    public override Tensor Forward(Tensor input) => base.Forward(input.Rank == 4 ? input : input.Reshape(input.Shape[0], channels, height, width));

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => base.ToOnnx(graph, input.Rank == 4 ? input : graph.Reshape(input, 0, channels, height, width));

    private static (int Channels, int Height, int Width) Image(ModelOptions options) => options.Inputs switch
    {
        [784] => (1, 28, 28),
        [var h, var w] => (1, h, w),
        [var c, var h, var w] => (c, h, w),
        _ => throw new UserErrorException($"model cnn takes images, [height, width] or [channels, height, width], but an input has shape [{string.Join(", ", options.Inputs)}]"),
    };

    private static IEnumerable<Module> Layers(ModelOptions options, bool batchNorm)
    {
        var (channels, height, width) = Image(options);
        int h = ((height - 2) / 2 - 2) / 2, w = ((width - 2) / 2 - 2) / 2;
        if (h < 1 || w < 1) throw new UserErrorException($"model cnn takes images of at least 10 x 10, these are {height} x {width}");
        yield return new Conv2d(channels, 32, 3);
        if (batchNorm) yield return new BatchNorm2d(32);
        yield return new ReLU();
        yield return new MaxPool2d(2);
        yield return new Conv2d(32, 64, 3);
        if (batchNorm) yield return new BatchNorm2d(64);
        yield return new ReLU();
        yield return new MaxPool2d(2);
        yield return new Flatten();
        if (options.Dropout > 0) yield return new Dropout(options.Dropout);
        yield return new Linear(64 * h * w, 128);
        yield return new ReLU();
        if (options.Dropout > 0) yield return new Dropout(options.Dropout);
        yield return new Linear(128, options.Classes);
    }
}
