using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>A table of vectors: input <c>[*]</c> of numbers (Int64), output <c>[*, D]</c>. The weight <c>[N, D]</c> starts normal, as PyTorch's; a padding row starts at 0 and is not trained.</summary>
public sealed class Embedding : Module
{
    private readonly int paddingIdx;

    /// <summary>Makes a table.</summary>
    /// <param name="numEmbeddings">N.</param>
    /// <param name="embeddingDim">D.</param>
    /// <param name="paddingIdx">A row that is not trained; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is less than 1, or the padding row outside of the table.</exception>
    public Embedding(int numEmbeddings, int embeddingDim, int? paddingIdx = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(numEmbeddings, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(embeddingDim, 1);
        if (paddingIdx is { } row) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)numEmbeddings, nameof(paddingIdx));
        this.paddingIdx = paddingIdx ?? -1;
        Weight = Register("weight", new Parameter(Init.Normal([numEmbeddings, embeddingDim])));
        if (paddingIdx is { } zero) Weight.Span.Slice(zero * embeddingDim, embeddingDim).Clear();
    }

    /// <summary>The table, <c>[N, D]</c>.</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Embedding(Weight, paddingIdx);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input) => graph.Gather(graph.Parameter(Weight), input);

    /// <inheritdoc/>
    public override string ToString() => $"Embedding({Weight.Shape[0]}, {Weight.Shape[1]})";
}
