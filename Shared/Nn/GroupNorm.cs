using System.Collections.Immutable;
using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>Normalizes groups of channels of each sample: input <c>[N, C, *]</c>: https://arxiv.org/abs/1803.08494. Weight starts at 1, bias at 0.</summary>
public sealed class GroupNorm : Module
{
    private readonly int numGroups;
    private readonly int numChannels;
    private readonly double eps;

    /// <summary>Makes a layer.</summary>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public GroupNorm(int numGroups, int numChannels, double eps = 1e-5, bool affine = true)
    {
        if (numGroups < 1 || numChannels < 1 || numChannels % numGroups != 0) throw new ArgumentException($"GroupNorm: {numGroups} groups of {numChannels} channels, expected a divisor");
        (this.numGroups, this.numChannels, this.eps) = (numGroups, numChannels, eps);
        if (!affine) return;
        Weight = Register("weight", new Parameter(Init.Constant([numChannels], 1f)));
        Bias = Register("bias", new Parameter(Init.Constant([numChannels], 0f)));
    }

    /// <summary>The scale of each channel; null without one.</summary>
    public Parameter? Weight { get; }

    /// <summary>The shift of each channel; null without one.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.GroupNorm(numGroups, Weight?.Value, Bias?.Value, (float)eps);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (input.Rank < 2 || input[1] != numChannels && input[1] != OnnxValue.Dynamic) throw graph.Error($"{this} takes [N, {numChannels}, *], not {input}");
        var groups = graph.Reshape(input, 0, numGroups, -1);
        var centred = graph.Sub(groups, graph.Mean(groups, 2));
        var deviation = graph.Unary("Sqrt", graph.Add(graph.Mean(graph.Mul(centred, centred), 2), graph.Constant((float)eps)));
        var normalized = graph.ReshapeAs(graph.Div(centred, deviation), input);
        if (Weight is null) return normalized;
        ImmutableArray<int> channels = [numChannels, .. Enumerable.Repeat(1, input.Rank - 2)];
        return graph.Add(graph.Mul(normalized, graph.Reshape(graph.Parameter(Weight), channels)), graph.Reshape(graph.Parameter(Bias!), channels));
    }

    /// <inheritdoc/>
    public override string ToString() => $"GroupNorm({numGroups}, {numChannels})";
}
