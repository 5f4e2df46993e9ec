using System.ComponentModel.DataAnnotations;
using DistTrain.Autograd;
using DistTrain.Nn;

namespace DistTrain.Training.Files;

/// <summary>A weighted sum of the features of the last dimension, and a bias.</summary>
/// <param name="OutFeatures">Features of the output; in the last layer, as many as the data asks for where none are given.</param>
/// <param name="InFeatures">Features of the input: those that come in.</param>
/// <param name="Bias">Whether there is a bias.</param>
public sealed record LinearLayer([Range(1, int.MaxValue)] int? OutFeatures = null, [Range(1, int.MaxValue)] int? InFeatures = null, bool Bias = true) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Linear(input.Fit("in_features", InFeatures, input.Features), OutFeatures ?? input.Wanted ?? throw new ArgumentException("has no out_features, which only the last layer may leave out"), Bias);
}

/// <summary>A vector for each token.</summary>
/// <param name="EmbeddingDim">Length of a vector.</param>
/// <param name="NumEmbeddings">How many tokens there are: the data's vocabulary.</param>
/// <param name="PaddingIdx">A token whose vector is zeros and is not trained.</param>
public sealed record EmbeddingLayer([Range(1, int.MaxValue)] int EmbeddingDim, [Range(1, int.MaxValue)] int? NumEmbeddings = null, [Range(0, int.MaxValue)] int? PaddingIdx = null) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input)
    {
        if (input.Vocabulary == 0) throw new ArgumentException("gets numbers, expected tokens, such as those of text:<file>: it can only be the first layer");
        if (NumEmbeddings < input.Vocabulary) input.Report("num_embeddings", $"was {NumEmbeddings}, expected {input.Vocabulary} or more: the data has so many tokens");
        int tokens = Math.Max(NumEmbeddings ?? input.Vocabulary, input.Vocabulary);
        if (PaddingIdx >= tokens) input.Report("padding_idx", $"was {PaddingIdx}, expected 0 to {tokens - 1}");
        return new Embedding(tokens, EmbeddingDim, PaddingIdx < tokens ? PaddingIdx : null);
    }
}

/// <summary>Puts dimensions into one, by default all but the batch's.</summary>
/// <param name="StartDim">The first dimension, the batch's being 0.</param>
/// <param name="EndDim">The last dimension; a negative one counts from the end.</param>
public sealed record FlattenLayer([Range(1, 7)] int StartDim = 1, [Range(-7, 7)] int EndDim = -1) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Flatten(StartDim, EndDim);
}

/// <summary>Zeroes elements at random while training, and scales up the others.</summary>
/// <param name="P">The probability of zero.</param>
public sealed record DropoutLayer([Range(0.0, 1.0)] float P = 0.5f) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Dropout(P);
}

/// <summary>The input itself.</summary>
public sealed record IdentityLayer : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => new Identity();
}

/// <summary>Layers that run one after the other.</summary>
/// <param name="Layers">The layers.</param>
public sealed record SequentialLayer([MinLength(1)] IReadOnlyList<Layer> Layers) : Layer
{
    /// <inheritdoc/>
    public override Module Build(LayerInput input) => LayerStack.BuildInside(Layers, input);
}
