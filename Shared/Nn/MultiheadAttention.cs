using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>
/// Attention by several heads: https://arxiv.org/abs/1706.03762. Query <c>[T, N, E]</c>, key and value <c>[S, N, E]</c> (with <c>batchFirst</c>: <c>[N, T, E]</c> and <c>[N, S, E]</c>), output as the query.
/// Parameters, their names and initial values are PyTorch's. Masks are as in PyTorch's module: where a Bool mask is true, attention is <em>not</em> allowed; a Float32 mask is added to the scores.
/// </summary>
public sealed class MultiheadAttention : Module
{
    private readonly int embedDim;
    private readonly int numHeads;
    private readonly bool batchFirst;
    private readonly Dropout dropout;

    /// <summary>Makes a layer.</summary>
    /// <param name="embedDim">E.</param>
    /// <param name="numHeads">The number of heads, a divisor of E.</param>
    /// <param name="dropout">The share of attention weights that training sets to zero.</param>
    /// <param name="bias">Whether the projections have biases.</param>
    /// <param name="batchFirst">Whether the batch is the first dimension.</param>
    /// <exception cref="ArgumentException">The heads do not divide E.</exception>
    public MultiheadAttention(int embedDim, int numHeads, float dropout = 0f, bool bias = true, bool batchFirst = false)
    {
        if (embedDim < 1 || numHeads < 1 || embedDim % numHeads != 0) throw new ArgumentException($"MultiheadAttention: {numHeads} heads of {embedDim} features, expected a divisor");
        (this.embedDim, this.numHeads, this.batchFirst) = (embedDim, numHeads, batchFirst);
        InProjWeight = Register("in_proj_weight", new Parameter(Init.XavierUniform([3 * embedDim, embedDim])));
        if (bias) InProjBias = Register("in_proj_bias", new Parameter(Init.Constant([3 * embedDim], 0f)));
        OutProj = Register("out_proj", new Linear(embedDim, embedDim, bias));
        OutProj.Bias?.Span.Clear();
        this.dropout = Register("dropout", new Dropout(dropout));
        HasDropout = dropout > 0f;
    }

    /// <summary>The projections of query, key and value below one another, <c>[3E, E]</c>.</summary>
    public Parameter InProjWeight { get; }

    /// <summary>Their biases, <c>[3E]</c>; null without.</summary>
    public Parameter? InProjBias { get; }

    /// <summary>The projection of the heads' outputs.</summary>
    public Linear OutProj { get; }

    private bool HasDropout { get; }

    /// <summary>Self-attention of one sequence without masks.</summary>
    public override Tensor Forward(Tensor input) => Forward(input, input, input);

    /// <summary>Attention from a query to keys and their values.</summary>
    /// <param name="query">What asks.</param>
    /// <param name="key">What is compared with.</param>
    /// <param name="value">What is taken.</param>
    /// <param name="attnMask"><c>[T, S]</c> or <c>[N·heads, T, S]</c>; null for none.</param>
    /// <param name="keyPaddingMask"><c>[N, S]</c>, Bool: true for keys that nobody may attend to; null for none.</param>
    /// <param name="isCausal">Row t attends to rows 0 to t only, besides what masks say.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public Tensor Forward(Tensor query, Tensor key, Tensor value, Tensor? attnMask = null, Tensor? keyPaddingMask = null, bool isCausal = false)
    {
        if (query.Rank != 3 || key.Rank != 3 || value.Rank != 3 || query.Shape[2] != embedDim || key.Shape[2] != embedDim || value.Shape[2] != embedDim)
            throw new ArgumentException($"MultiheadAttention({embedDim}, {numHeads}): query {query.Shape}, key {key.Shape} and value {value.Shape}, expected three dimensions, the last of {embedDim}");
        bool same = ReferenceEquals(query.Node, key.Node) && ReferenceEquals(key.Node, value.Node);
        if (!batchFirst)
        {
            query = query.Transpose(0, 1);
            (key, value) = same ? (query, query) : (key.Transpose(0, 1), value.Transpose(0, 1));
        }
        var heads = same && attnMask == null && keyPaddingMask == null && !(HasDropout && Training)
            ? query.Linear(InProjWeight, InProjBias?.Value).SelfAttention(numHeads, isCausal)
            : Separate(query, key, value, Allowed(query, key, attnMask, keyPaddingMask, isCausal), isCausal);
        var output = OutProj.Forward(heads);
        return batchFirst ? output : output.Transpose(0, 1);
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var projected = graph.Linear(batchFirst ? input : graph.Permute(input, 1, 0, 2), graph.Parameter(InProjWeight), InProjBias is { } bias ? graph.Parameter(bias) : null);
        var output = graph.Apply(OutProj, graph.SelfAttention(projected, numHeads, isCausal: false));
        return batchFirst ? output : graph.Permute(output, 1, 0, 2);
    }

    /// <inheritdoc/>
    public override string ToString() => $"MultiheadAttention({embedDim}, {numHeads})";

    private Tensor Separate(Tensor query, Tensor key, Tensor value, Tensor? mask, bool isCausal)
    {
        // A mask has the triangle in it already.
        isCausal = isCausal && mask == null;
        Tensor q = Project(query, 0), k = Project(key, 1), v = Project(value, 2);
        Tensor heads;
        if (HasDropout && Training)
        {
            var scores = q.MatMul(k.Transpose(-2, -1)).Scale(1f / MathF.Sqrt(q.Shape[^1]));
            if (isCausal) scores = scores.MaskedFill(Later(q.Shape[^2], k.Shape[^2]), float.NegativeInfinity);
            if (mask is { } added) scores = scores + added;
            heads = dropout.Forward(scores.Softmax(-1)).MatMul(v);
        }
        else
        {
            heads = q.ScaledDotProductAttention(k, v, mask, isCausal);
        }
        return heads.Transpose(1, 2).Reshape(query.Shape[0], query.Shape[1], embedDim);
    }

    /// <summary>[N, T, E] to [N, heads, T, E/heads] by one third of the projection.</summary>
    private Tensor Project(Tensor x, int third)
    {
        var weight = InProjWeight.Value.Narrow(0, third * embedDim, embedDim);
        Tensor? bias = InProjBias?.Value.Narrow(0, third * embedDim, embedDim);
        return x.Linear(weight, bias).Reshape(x.Shape[0], x.Shape[1], numHeads, embedDim / numHeads).Transpose(1, 2);
    }

    /// <summary>Both masks and, where there is one, the causal triangle as one that is added to scores [N, heads, T, S].</summary>
    private Tensor? Allowed(Tensor query, Tensor key, Tensor? attnMask, Tensor? keyPaddingMask, bool isCausal)
    {
        var given = Given(query, key, attnMask, keyPaddingMask);
        return isCausal && given is { } mask ? mask + Added(Later(query.Shape[1], key.Shape[1])) : given;
    }

    private Tensor? Given(Tensor query, Tensor key, Tensor? attnMask, Tensor? keyPaddingMask)
    {
        Tensor? result = null;
        if (attnMask is { } mask)
        {
            result = Added(mask);
            if (mask.Rank == 3) result = result.Value.Reshape(query.Shape[0], numHeads, query.Shape[1], key.Shape[1]);
        }
        if (keyPaddingMask is not { } padding) return result;
        var keys = Added(padding).Reshape(key.Shape[0], 1, 1, key.Shape[1]);
        return result is { } both ? both + keys : keys.Expand(key.Shape[0], 1, query.Shape[1], key.Shape[1]);
    }

    /// <summary>True above the diagonal: the keys behind each row.</summary>
    private static Tensor Later(int rows, int keys) => Tensor.Ones([rows, keys]).Triu(1).Bool();

    private static Tensor Added(Tensor mask) => mask.Type == DType.Bool ? Tensor.Zeros(mask.Shape).MaskedFill(mask, float.NegativeInfinity) : mask;
}
