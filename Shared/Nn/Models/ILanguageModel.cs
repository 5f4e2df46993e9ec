using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>A model of sequences of tokens that can compute one position after the other.</summary>
public interface ILanguageModel
{
    /// <summary>The longest sequence that it takes.</summary>
    int Context { get; }

    /// <summary>An empty cache for one sequence.</summary>
    KeyValueCache CreateCache();

    /// <summary>Logits <c>[1, T, vocabulary]</c> of tokens <c>[1, T]</c> that follow those in the cache, which takes them in. In evaluation mode, without gradients.</summary>
    Tensor Forward(Tensor tokens, KeyValueCache cache);
}
