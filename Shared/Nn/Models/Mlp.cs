using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>Linear layers with ReLU (and dropout, where asked for) between them, on samples of any shape; the state dict is that of PyTorch's <c>Sequential</c> of the same layers.</summary>
/// <param name="options">Input shape, classes and dropout.</param>
/// <param name="hidden">The widths between input and output.</param>
public sealed class Mlp(ModelOptions options, params int[] hidden) : Sequential(Layers(options, hidden))
{
    /// <summary>Takes samples <c>[N, *]</c>, gives logits <c>[N, classes]</c>.</summary>
    public override Tensor Forward(Tensor input) => base.Forward(input.Rank == 2 ? input : input.Flatten(1));

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => base.ToOnnx(graph, input.Rank == 2 ? input : graph.Flatten(input, 1, -1));

    private static IEnumerable<Module> Layers(ModelOptions options, int[] hidden)
    {
        int width = options.InputLength;
        foreach (int next in hidden)
        {
            yield return new Linear(width, next);
            yield return new ReLU();
            if (options.Dropout > 0) yield return new Dropout(options.Dropout);
            width = next;
        }
        yield return new Linear(width, options.Classes);
    }
}
