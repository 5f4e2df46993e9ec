using System.Collections.Immutable;

namespace DistTrain.Nn.Models;

/// <summary>The models that can be called by name. A new one is a line here and a function that builds it.</summary>
public static class NamedModels
{
    /// <summary>All of them.</summary>
    public static readonly ImmutableArray<NamedModel> All =
    [
        new("mlp", "fully connected, 512 and 256 hidden units, ReLU", "sgd", 0.01, 0.9, 64, options => new Mlp(options, 512, 256)),
        new("mlp-wide", "fully connected, two layers of 2048 hidden units, ReLU", "sgd", 0.01, 0.9, 128, options => new Mlp(options, 2048, 2048)),
        new("cnn", "two convolutions of 32 and 64 channels with pooling, 128 hidden units, ReLU", "sgd", 0.01, 0.9, 64, options => new Cnn(options)),
        new("cnn-bn", "the same with a batch normalization behind each convolution", "sgd", 0.01, 0.9, 64, options => new Cnn(options, batchNorm: true)),
        new("char-gpt", "decoder-only transformer: 4 layers, 4 heads, width 128", "adamw", 1e-3, 0, 12, Gpt, TakesTokens: true),
    ];

    /// <summary>Finds a model by its name.</summary>
    /// <exception cref="UserErrorException">There is none of that name; the message lists those there are.</exception>
    public static NamedModel Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new UserErrorException($"model '{name}' is not known, expected one of {string.Join(", ", All.Select(m => m.Name))}");

    private static CharGpt Gpt(ModelOptions options) => options.Inputs is [var context]
        ? new CharGpt(options.Classes, context, dropout: options.Dropout)
        : throw new UserErrorException($"model char-gpt takes sequences of tokens, [length], but an input has shape [{string.Join(", ", options.Inputs)}]");
}
