using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// y = x·Wᵀ + b: input <c>[*, in]</c>, output <c>[*, out]</c>. Weight <c>[out, in]</c> and bias <c>[out]</c> start uniform in ±1/√in, as PyTorch's.
/// </summary>
public sealed class Linear : Module
{
    private readonly int inFeatures;
    private readonly int outFeatures;

    /// <summary>Makes a linear layer.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is less than 1.</exception>
    public Linear(int inFeatures, int outFeatures, bool bias = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inFeatures, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outFeatures, 1);
        (this.inFeatures, this.outFeatures) = (inFeatures, outFeatures);
        float bound = 1f / MathF.Sqrt(inFeatures);
        Weight = Register("weight", new Parameter(Init.Uniform([outFeatures, inFeatures], -bound, bound)));
        if (bias) Bias = Register("bias", new Parameter(Init.Uniform([outFeatures], -bound, bound)));
    }

    /// <summary>The weight, <c>[out, in]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>The bias, <c>[out]</c>; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Forward(input, Activation.None);

    /// <summary>The layer followed by an activation, computed in one pass: what <see cref="Sequential"/> does where an activation follows.</summary>
    internal Tensor Forward(Tensor input, Activation activation)
    {
        if (input.Rank == 0 || input.Shape[^1] != inFeatures)
            throw new ArgumentException($"Linear({inFeatures}, {outFeatures}): input {input.Shape} has {(input.Rank == 0 ? 0 : input.Shape[^1])} features in its last dimension, expected {inFeatures}");
        return input.Linear(Weight, Bias?.Value, activation);
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) =>
        input[-1] == inFeatures || input[-1] == OnnxValue.Dynamic ? graph.Linear(input, graph.Parameter(Weight), Bias is { } bias ? graph.Parameter(bias) : null) : throw graph.Error($"{this} takes {inFeatures} features, not {input}");

    /// <inheritdoc/>
    public override string ToString() => $"Linear({inFeatures}, {outFeatures}{(Bias == null ? ", bias: false" : "")})";
}
