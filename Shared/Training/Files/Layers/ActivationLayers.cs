using System.ComponentModel.DataAnnotations;
using DistTrain.Autograd;
using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>An activation without arguments.</summary>
/// <typeparam name="T">Its module.</typeparam>
public abstract record PlainActivation<T> : Layer where T : Module, new()
{
    /// <inheritdoc/>
    public sealed override Module Build(LayerInput input) => new T();
}

/// <summary>max(0, x).</summary>
public sealed record ReLULayer : PlainActivation<ReLU>;

/// <summary>x·σ(x), also called swish.</summary>
public sealed record SiLULayer : PlainActivation<SiLU>;

/// <summary>x·tanh(softplus(x)).</summary>
public sealed record MishLayer : PlainActivation<Mish>;

/// <summary>x·max(0, min(1, (x + 3)/6)).</summary>
public sealed record HardswishLayer : PlainActivation<Hardswish>;

/// <summary>1/(1 + e⁻ˣ).</summary>
public sealed record SigmoidLayer : PlainActivation<Sigmoid>;

/// <summary>The logarithm of the sigmoid.</summary>
public sealed record LogSigmoidLayer : PlainActivation<LogSigmoid>;

/// <summary>The hyperbolic tangent.</summary>
public sealed record TanhLayer : PlainActivation<Tanh>;

/// <summary>max(0, x) + slope·min(0, x).</summary>
/// <param name="NegativeSlope">The slope below 0.</param>
public sealed record LeakyReLULayer(float NegativeSlope = 0.01f) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new LeakyReLU(NegativeSlope);
}

/// <summary>x above 0, α·(eˣ − 1) below.</summary>
/// <param name="Alpha">The limit below 0, negated.</param>
public sealed record ELULayer(float Alpha = 1f) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new ELU(Alpha);
}

/// <summary>x·Φ(x).</summary>
/// <param name="Approximate">none for the error function, tanh for the approximation with it.</param>
public sealed record GELULayer(GeluApproximation Approximate = GeluApproximation.None) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new GELU(Approximate);
}

/// <summary>ln(1 + e^(βx))/β; x itself where βx is above the threshold.</summary>
/// <param name="Beta">β.</param>
/// <param name="Threshold">From where on it is x.</param>
public sealed record SoftplusLayer([Range(double.Epsilon, 1e6)] float Beta = 1f, float Threshold = 20f) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Softplus(Beta, Threshold);
}

/// <summary>x, held between two bounds.</summary>
/// <param name="MinVal">The lower bound.</param>
/// <param name="MaxVal">The upper bound.</param>
public sealed record HardtanhLayer(float MinVal = -1f, float MaxVal = 1f) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => MinVal < MaxVal ? new Hardtanh(MinVal, MaxVal) : throw new ArgumentException(FormattableString.Invariant($"min_val was {MinVal}, expected less than max_val {MaxVal}"));
}

/// <summary>eˣ, divided by its sum along a dimension. Losses against classes take what comes before it.</summary>
/// <param name="Dim">The dimension that sums to 1; a negative one counts from the end.</param>
public sealed record SoftmaxLayer([Range(-7, 7)] int Dim = -1) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Softmax(Dim);
}

/// <summary>The logarithm of the softmax, as NLLLoss takes it.</summary>
/// <param name="Dim">The dimension that sums to 1; a negative one counts from the end.</param>
public sealed record LogSoftmaxLayer([Range(-7, 7)] int Dim = -1) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new LogSoftmax(Dim);
}
