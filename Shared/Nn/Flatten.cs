using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Puts all dimensions from <paramref name="startDim"/> to <paramref name="endDim"/> into one; by default all but the batch's.</summary>
/// <param name="startDim">The first dimension to merge.</param>
/// <param name="endDim">The last one.</param>
public sealed class Flatten(int startDim = 1, int endDim = -1) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Flatten(startDim, endDim);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Flatten(input, startDim, endDim);

    /// <inheritdoc/>
    public override string ToString() => $"Flatten({startDim}, {endDim})";
}
