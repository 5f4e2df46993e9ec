using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>The activation inside of a <see cref="TransformerEncoderLayer"/>.</summary>
public enum FeedForwardActivation
{
    /// <summary>max(0, x).</summary>
    Relu,

    /// <summary>x·Φ(x).</summary>
    Gelu,
}

/// <summary>
/// Self-attention and a feed-forward network, each added to its input and normalized: https://arxiv.org/abs/1706.03762. Input and output <c>[T, N, E]</c> (with <c>batchFirst</c>: <c>[N, T, E]</c>).
/// Parameters, names and initial values are PyTorch's.
/// </summary>
public sealed class TransformerEncoderLayer : Module
{
    private readonly FeedForwardActivation activation;
    private readonly bool normFirst;
    private readonly MultiheadAttention selfAttn;
    private readonly Linear linear1;
    private readonly Dropout dropout;
    private readonly Linear linear2;
    private readonly LayerNorm norm1;
    private readonly LayerNorm norm2;
    private readonly Dropout dropout1;
    private readonly Dropout dropout2;

    /// <summary>Makes a layer.</summary>
    /// <param name="dModel">E.</param>
    /// <param name="nHead">The number of heads, a divisor of E.</param>
    /// <param name="dimFeedforward">The width of the feed-forward network.</param>
    /// <param name="dropout">The probability of dropout.</param>
    /// <param name="activation">The feed-forward network's activation.</param>
    /// <param name="layerNormEps">Added to the variances.</param>
    /// <param name="batchFirst">Whether the batch is the first dimension.</param>
    /// <param name="normFirst">Whether normalization stands before attention and network instead of behind.</param>
    public TransformerEncoderLayer(
        int dModel, int nHead, int dimFeedforward = 2048, float dropout = 0.1f, FeedForwardActivation activation = FeedForwardActivation.Relu, double layerNormEps = 1e-5, bool batchFirst = false,
        bool normFirst = false)
    {
        (this.activation, this.normFirst) = (activation, normFirst);
        selfAttn = Register("self_attn", new MultiheadAttention(dModel, nHead, dropout, batchFirst: batchFirst));
        linear1 = Register("linear1", new Linear(dModel, dimFeedforward));
        this.dropout = Register("dropout", new Dropout(dropout));
        linear2 = Register("linear2", new Linear(dimFeedforward, dModel));
        norm1 = Register("norm1", new LayerNorm(dModel, layerNormEps));
        norm2 = Register("norm2", new LayerNorm(dModel, layerNormEps));
        dropout1 = Register("dropout1", new Dropout(dropout));
        dropout2 = Register("dropout2", new Dropout(dropout));
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Forward(input, null);

    /// <summary>The layer with masks, as <see cref="MultiheadAttention.Forward(Tensor, Tensor, Tensor, Tensor?, Tensor?, bool)"/> takes them.</summary>
    public Tensor Forward(Tensor src, Tensor? srcMask, Tensor? srcKeyPaddingMask = null, bool isCausal = false)
    {
        if (normFirst)
        {
            src = src + Attend(norm1.Forward(src), srcMask, srcKeyPaddingMask, isCausal);
            return src + FeedForward(norm2.Forward(src));
        }
        src = norm1.Forward(src + Attend(src, srcMask, srcKeyPaddingMask, isCausal));
        return norm2.Forward(src + FeedForward(src));
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (normFirst)
        {
            input = graph.Add(input, graph.Apply(selfAttn, graph.Apply(norm1, input)));
            return graph.Add(input, FeedForward(graph, graph.Apply(norm2, input)));
        }
        input = graph.Apply(norm1, graph.Add(input, graph.Apply(selfAttn, input)));
        return graph.Apply(norm2, graph.Add(input, FeedForward(graph, input)));
    }

    private OnnxValue FeedForward(OnnxGraph graph, OnnxValue x)
    {
        var inner = graph.Apply(linear1, x);
        return graph.Apply(linear2, activation == FeedForwardActivation.Relu ? graph.Relu(inner) : graph.Gelu(inner));
    }

    private Tensor Attend(Tensor x, Tensor? mask, Tensor? padding, bool isCausal) => dropout1.Forward(selfAttn.Forward(x, x, x, mask, padding, isCausal));

    private Tensor FeedForward(Tensor x)
    {
        var inner = activation == FeedForwardActivation.Relu ? linear1.Forward(x, Simd.Activation.Relu) : linear1.Forward(x).Gelu();
        return dropout2.Forward(linear2.Forward(dropout.Forward(inner)));
    }
}
