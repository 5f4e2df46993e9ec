using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Normalizes each sample over its last dimensions to mean 0 and variance 1, then scales and shifts: https://arxiv.org/abs/1607.06450. Weight starts at 1, bias at 0.
/// </summary>
public sealed class LayerNorm : Module
{
    private readonly Shape normalizedShape;
    private readonly double eps;

    /// <summary>Makes a layer over the last dimension.</summary>
    public LayerNorm(int normalizedShape, double eps = 1e-5, bool elementwiseAffine = true, bool bias = true) : this(new Shape(normalizedShape), eps, elementwiseAffine, bias)
    {
    }

    /// <summary>Makes a layer.</summary>
    /// <param name="normalizedShape">The sizes of the last dimensions.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="elementwiseAffine">Whether it has a weight.</param>
    /// <param name="bias">Whether, with a weight, it has a bias too.</param>
    public LayerNorm(Shape normalizedShape, double eps = 1e-5, bool elementwiseAffine = true, bool bias = true)
    {
        (this.normalizedShape, this.eps) = (normalizedShape, eps);
        if (!elementwiseAffine) return;
        Weight = Register("weight", new Parameter(Init.Constant(normalizedShape, 1f)));
        if (bias) Bias = Register("bias", new Parameter(Init.Constant(normalizedShape, 0f)));
    }

    /// <summary>The scale; null without one.</summary>
    public Parameter? Weight { get; }

    /// <summary>The shift; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.LayerNorm(normalizedShape.Span, Weight?.Value, Bias?.Value, (float)eps);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        // The operator has no form without a scale.
        float[] ones = new float[normalizedShape.Numel];
        Array.Fill(ones, 1f);
        var scale = Weight is { } weight ? graph.Parameter(weight) : graph.Constant(ones, [.. normalizedShape.Span]);
        return graph.Node("LayerNormalization", [input, scale, Bias is { } bias ? graph.Parameter(bias) : null], input.Shape, [("axis", -(long)normalizedShape.Rank), ("epsilon", (float)eps)]);
    }

    /// <inheritdoc/>
    public override string ToString() => $"LayerNorm({normalizedShape})";
}
