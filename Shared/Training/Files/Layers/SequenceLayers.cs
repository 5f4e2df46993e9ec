using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>Long short-term memory over sequences [time, features]; the output has every time step's hidden state. Batches come first, unlike PyTorch's default.</summary>
/// <param name="HiddenSize">Features of the hidden state.</param>
/// <param name="InputSize">Features of the input: those that come in.</param>
/// <param name="NumLayers">Layers, each on the outputs of the one before.</param>
/// <param name="Bias">Whether there are biases.</param>
/// <param name="Dropout">The probability of dropout between layers.</param>
/// <param name="Bidirectional">Whether each layer also runs backwards in time.</param>
public sealed record LSTMLayer(
    [Range(1, int.MaxValue)] int HiddenSize, [Range(1, int.MaxValue)] int? InputSize = null, [Range(1, 1024)] int NumLayers = 1, bool Bias = true, [Range(0.0, 1.0)] float Dropout = 0f, bool Bidirectional = false) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new LSTM(Sequence.Features(input, "input_size", InputSize), HiddenSize, NumLayers, Bias, batchFirst: true, Dropout, Bidirectional);
}

/// <summary>Gated recurrent units over sequences [time, features]; the output has every time step's hidden state. Batches come first, unlike PyTorch's default.</summary>
/// <param name="HiddenSize">Features of the hidden state.</param>
/// <param name="InputSize">Features of the input: those that come in.</param>
/// <param name="NumLayers">Layers, each on the outputs of the one before.</param>
/// <param name="Bias">Whether there are biases.</param>
/// <param name="Dropout">The probability of dropout between layers.</param>
/// <param name="Bidirectional">Whether each layer also runs backwards in time.</param>
public sealed record GRULayer(
    [Range(1, int.MaxValue)] int HiddenSize, [Range(1, int.MaxValue)] int? InputSize = null, [Range(1, 1024)] int NumLayers = 1, bool Bias = true, [Range(0.0, 1.0)] float Dropout = 0f, bool Bidirectional = false) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new GRU(Sequence.Features(input, "input_size", InputSize), HiddenSize, NumLayers, Bias, batchFirst: true, Dropout, Bidirectional);
}

/// <summary>Attention of a sequence [time, features] to itself. Batches come first, unlike PyTorch's default.</summary>
/// <param name="NumHeads">Heads, a divisor of the features.</param>
/// <param name="EmbedDim">Features of the input: those that come in.</param>
/// <param name="Dropout">The share of attention weights that training sets to zero.</param>
/// <param name="Bias">Whether the projections have biases.</param>
public sealed record MultiheadAttentionLayer([Range(1, int.MaxValue)] int NumHeads, [Range(1, int.MaxValue)] int? EmbedDim = null, [Range(0.0, 1.0)] float Dropout = 0f, bool Bias = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new MultiheadAttention(Sequence.Features(input, "embed_dim", EmbedDim), NumHeads, Dropout, Bias, batchFirst: true);
}

/// <summary>Self-attention and a feed-forward network over a sequence [time, features]. Batches come first, unlike PyTorch's default.</summary>
/// <param name="NHead">Heads, a divisor of the features.</param>
/// <param name="DModel">Features of the input: those that come in.</param>
/// <param name="DimFeedforward">Width of the feed-forward network.</param>
/// <param name="Dropout">The probability of dropout.</param>
/// <param name="Activation">The feed-forward network's activation.</param>
/// <param name="LayerNormEps">Added to the variances.</param>
/// <param name="NormFirst">Whether normalization stands before attention and network instead of behind.</param>
public sealed record TransformerEncoderLayerLayer(
    [property: JsonPropertyName("nhead")][Range(1, int.MaxValue)] int NHead, [Range(1, int.MaxValue)] int? DModel = null, [Range(1, int.MaxValue)] int DimFeedforward = 2048, [Range(0.0, 1.0)] float Dropout = 0.1f,
    FeedForwardActivation Activation = FeedForwardActivation.Relu, [Range(0.0, 1.0)] double LayerNormEps = 1e-5, bool NormFirst = false) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) =>
        new TransformerEncoderLayer(Sequence.Features(input, "d_model", DModel), NHead, DimFeedforward, Dropout, Activation, LayerNormEps, batchFirst: true, NormFirst);
}

/// <summary>What layers over sequences share.</summary>
internal static class Sequence
{
    /// <summary>The features of a sequence; a given number that differs is reported.</summary>
    public static int Features(LayerInput input, string property, int? given) =>
        input.Shape.Rank == 2 ? input.Fit(property, given, input.Features) : throw new ArgumentException($"got {input.Shape} a sample, expected a sequence [time, features]");
}
