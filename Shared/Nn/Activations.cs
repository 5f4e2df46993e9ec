using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>max(0, x) + slope·min(0, x).</summary>
/// <param name="negativeSlope">The slope below 0.</param>
public sealed class LeakyReLU(float negativeSlope = 0.01f) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.LeakyRelu(negativeSlope);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("LeakyRelu", input, ("alpha", negativeSlope));

    /// <inheritdoc/>
    public override string ToString() => $"LeakyReLU({negativeSlope})";
}

/// <summary>x above 0, α·(eˣ − 1) below: https://arxiv.org/abs/1511.07289.</summary>
/// <param name="alpha">The limit below 0, negated.</param>
public sealed class ELU(float alpha = 1f) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Elu(alpha);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("Elu", input, ("alpha", alpha));

    /// <inheritdoc/>
    public override string ToString() => $"ELU({alpha})";
}

/// <summary>x·Φ(x), by the error function or by the approximation with tanh: https://arxiv.org/abs/1606.08415.</summary>
/// <param name="approximate">Which of the two.</param>
public sealed class GELU(GeluApproximation approximate = GeluApproximation.None) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Gelu(approximate);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (approximate == GeluApproximation.None) return graph.Gelu(input);
        var cubic = graph.Mul(graph.Mul(input, input), graph.Scale(input, 0.044715f));
        var tanh = graph.Unary("Tanh", graph.Scale(graph.Add(input, cubic), (float)Math.Sqrt(2 / Math.PI)));
        return graph.Mul(graph.Scale(input, 0.5f), graph.Add(tanh, graph.Constant(1f)));
    }

    /// <inheritdoc/>
    public override string ToString() => approximate == GeluApproximation.None ? "GELU()" : $"GELU({approximate})";
}

/// <summary>ln(1 + e^(βx))/β; x itself where βx is above the threshold.</summary>
/// <param name="beta">β.</param>
/// <param name="threshold">From where on it is x.</param>
public sealed class Softplus(float beta = 1f, float threshold = 20f) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Softplus(beta, threshold);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var scaled = graph.Scale(input, beta);
        var soft = graph.Scale(graph.Softplus(scaled), 1f / beta);
        // Beyond 20 both sides are the same float.
        return threshold >= 20f ? soft : graph.Node("Where", [graph.Node("Greater", [scaled, graph.Constant(threshold)], input.Shape, null, DType.Bool), input, soft], input.Shape, null, input.Type);
    }

    /// <inheritdoc/>
    public override string ToString() => $"Softplus({beta}, {threshold})";
}

/// <summary>x, held between two bounds.</summary>
/// <param name="minVal">The lower bound.</param>
/// <param name="maxVal">The upper bound.</param>
public sealed class Hardtanh(float minVal = -1f, float maxVal = 1f) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Hardtanh(minVal, maxVal);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Node("Clip", [input, graph.Constant(minVal), graph.Constant(maxVal)], input.Shape);

    /// <inheritdoc/>
    public override string ToString() => $"Hardtanh({minVal}, {maxVal})";
}

/// <summary>x·σ(x), also called swish.</summary>
public sealed class SiLU : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Silu();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Mul(input, graph.Unary("Sigmoid", input));

    /// <inheritdoc/>
    public override string ToString() => "SiLU()";
}

/// <summary>x·tanh(softplus(x)): https://arxiv.org/abs/1908.08681.</summary>
public sealed class Mish : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Mish();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Mul(input, graph.Unary("Tanh", graph.Softplus(input)));

    /// <inheritdoc/>
    public override string ToString() => "Mish()";
}

/// <summary>x·max(0, min(1, (x + 3)/6)): https://arxiv.org/abs/1905.02244.</summary>
public sealed class Hardswish : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Hardswish();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("HardSwish", input);

    /// <inheritdoc/>
    public override string ToString() => "Hardswish()";
}

/// <summary>σ(x) = 1/(1 + e⁻ˣ).</summary>
public sealed class Sigmoid : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Sigmoid();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("Sigmoid", input);

    /// <inheritdoc/>
    public override string ToString() => "Sigmoid()";
}

/// <summary>ln σ(x).</summary>
public sealed class LogSigmoid : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.LogSigmoid();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("Neg", graph.Softplus(graph.Unary("Neg", input)));

    /// <inheritdoc/>
    public override string ToString() => "LogSigmoid()";
}

/// <summary>tanh x.</summary>
public sealed class Tanh : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Tanh();

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("Tanh", input);

    /// <inheritdoc/>
    public override string ToString() => "Tanh()";
}

/// <summary>eˣ, divided by its sum along a dimension.</summary>
/// <param name="dim">The dimension that sums to 1; a negative one counts from the end.</param>
public sealed class Softmax(int dim = -1) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Softmax(dim);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Softmax(input, dim);

    /// <inheritdoc/>
    public override string ToString() => $"Softmax({dim})";
}

/// <summary>The logarithm of <see cref="Softmax"/>.</summary>
/// <param name="dim">The dimension that sums to 1; a negative one counts from the end.</param>
public sealed class LogSoftmax(int dim = -1) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.LogSoftmax(dim);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Unary("LogSoftmax", input, ("axis", (long)dim));

    /// <inheritdoc/>
    public override string ToString() => $"LogSoftmax({dim})";
}

/// <summary>The input itself.</summary>
public sealed class Identity : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input;

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => input;

    /// <inheritdoc/>
    public override string ToString() => "Identity()";
}
