using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Divides each sample by the root mean square over its last dimensions, then scales: https://arxiv.org/abs/1910.07467. Weight starts at 1.</summary>
public sealed class RMSNorm : Module
{
    private readonly Shape normalizedShape;
    private readonly double? eps;

    /// <summary>Makes a layer over the last dimension.</summary>
    public RMSNorm(int normalizedShape, double? eps = null, bool elementwiseAffine = true) : this(new Shape(normalizedShape), eps, elementwiseAffine)
    {
    }

    /// <summary>Makes a layer.</summary>
    /// <param name="normalizedShape">The sizes of the last dimensions.</param>
    /// <param name="eps">Added to the mean square; float's machine epsilon if null.</param>
    /// <param name="elementwiseAffine">Whether it has a weight.</param>
    public RMSNorm(Shape normalizedShape, double? eps = null, bool elementwiseAffine = true)
    {
        (this.normalizedShape, this.eps) = (normalizedShape, eps);
        if (elementwiseAffine) Weight = Register("weight", new Parameter(Init.Constant(normalizedShape, 1f)));
    }

    /// <summary>The scale; null without one.</summary>
    public Parameter? Weight { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.RmsNorm(normalizedShape.Span, Weight?.Value, (float?)eps);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var square = graph.Mean(graph.Mul(input, input), [.. Enumerable.Range(input.Rank - normalizedShape.Rank, normalizedShape.Rank)]);
        var normalized = graph.Div(input, graph.Unary("Sqrt", graph.Add(square, graph.Constant((float)(eps ?? 1.1920928955078125e-7)))));
        return Weight is { } weight ? graph.Mul(normalized, graph.Parameter(weight)) : normalized;
    }

    /// <inheritdoc/>
    public override string ToString() => $"RMSNorm({normalizedShape})";
}
