using DistTrain.Autograd;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>
/// A small decoder-only transformer (Radford et al. 2019): token and position embeddings, blocks of causal self-attention and a feed-forward network, each behind a layer normalization and added to what it
/// got, a last normalization and an untied linear head. Weights of linear layers and embeddings start normal with standard deviation 0.02, biases at 0.
/// </summary>
public sealed class CharGpt : Module, ILanguageModel
{
    private readonly Embedding tok;
    private readonly Embedding pos;
    private readonly Sequential blocks;
    private readonly LayerNorm ln;
    private readonly Linear head;
    private readonly Dropout drop;

    /// <summary>Makes a model.</summary>
    /// <param name="vocabulary">The number of tokens.</param>
    /// <param name="context">The longest sequence.</param>
    /// <param name="layers">The number of blocks.</param>
    /// <param name="heads">Heads of attention, a divisor of the width.</param>
    /// <param name="width">Features of a position.</param>
    /// <param name="dropout">The probability of dropout behind embeddings, attention and network.</param>
    public CharGpt(int vocabulary = 65, int context = 64, int layers = 4, int heads = 4, int width = 128, float dropout = 0f)
    {
        Context = context;
        tok = new Embedding(vocabulary, width);
        pos = new Embedding(context, width);
        drop = new Dropout(dropout);
        blocks = new Sequential(Enumerable.Range(0, layers).Select(_ => new GptBlock(width, heads, dropout)));
        ln = new LayerNorm(width);
        head = new Linear(width, vocabulary);
        foreach (var module in Modules())
        {
            if (module is Embedding embedding) Start(embedding.Weight, null);
            if (module is Linear linear) Start(linear.Weight, linear.Bias);
        }
    }

    /// <summary>The longest sequence that it takes.</summary>
    public int Context { get; }

    /// <summary>Takes tokens <c>[N, T]</c> (Int64), gives logits of each position's next token, <c>[N, T, vocabulary]</c>.</summary>
    /// <exception cref="ArgumentException">T is above <see cref="Context"/>, or a token is out of range.</exception>
    public override Tensor Forward(Tensor input)
    {
        if (input.Rank != 2 || input.Shape[1] > Context) throw new ArgumentException($"CharGpt: input {input.Shape}, expected [N, T] with T up to {Context}");
        var x = tok.Forward(input) + pos.Weight.Value.Narrow(0, 0, input.Shape[1]);
        return head.Forward(ln.Forward(blocks.Forward(drop.Forward(x))));
    }

    /// <summary>
    /// Logits of tokens that follow those in a cache, <c>[1, T, vocabulary]</c>, with the bits of a forward of all of them; the cache takes them in. A token costs what one position costs,
    /// whatever stands before it. Gradients are not recorded.
    /// </summary>
    /// <param name="tokens">Tokens <c>[1, T]</c> (Int64).</param>
    /// <param name="cache">What <see cref="CreateCache"/> made.</param>
    /// <exception cref="ArgumentException">The cache has no room for T more, or T is not 1 though it holds some.</exception>
    public Tensor Forward(Tensor tokens, KeyValueCache cache)
    {
        int before = cache.Length;
        if (tokens.Rank != 2 || tokens.Shape[0] != 1 || before + tokens.Shape[1] > Context || before > 0 && tokens.Shape[1] != 1)
            throw new ArgumentException($"CharGpt: tokens {tokens.Shape} behind {before} in the cache, expected {(before > 0 ? "[1, 1]" : "[1, T]")} and at most {Context} together");
        using var _ = GradMode.NoGrad();
        var x = tok.Forward(tokens) + pos.Weight.Value.Narrow(0, before, tokens.Shape[1]);
        for (int i = 0; i < blocks.Count; i++) x = ((GptBlock)blocks[i]).Forward(x, cache, i);
        cache.Advance(tokens.Shape[1]);
        return head.Forward(ln.Forward(x));
    }

    /// <inheritdoc/>
    public KeyValueCache CreateCache() => new(blocks.Count, Context, pos.Weight.Shape[1]);

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        if (input.Rank != 2) throw graph.Error($"CharGpt takes tokens [N, T], not {input}");
        var positions = graph.Narrow(graph.Parameter(pos.Weight), graph.Slice(graph.ShapeOf(input), 1, 2, 0), 0).As(input[1], pos.Weight.Shape[1]);
        var x = graph.Add(graph.Apply(tok, input), positions);
        return graph.Apply(head, graph.Apply(ln, graph.Apply(blocks, x)));
    }

    private static void Start(Parameter weight, Parameter? bias)
    {
        Init.Normal(weight.Shape, 0f, 0.02f).CopyTo(weight.Span);
        bias?.Span.Clear();
    }
}

/// <summary>A block of <see cref="CharGpt"/>: attention and feed-forward network, each normalized before and added after.</summary>
public sealed class GptBlock : Module
{
    private readonly int heads;
    private readonly LayerNorm ln1;
    private readonly Linear qkv;
    private readonly Linear proj;
    private readonly LayerNorm ln2;
    private readonly Linear up;
    private readonly Linear down;
    private readonly Dropout drop1;
    private readonly Dropout drop2;

    /// <summary>Makes a block.</summary>
    public GptBlock(int width, int heads, float dropout = 0f)
    {
        this.heads = heads;
        ln1 = new LayerNorm(width);
        qkv = new Linear(width, 3 * width);
        proj = new Linear(width, width);
        ln2 = new LayerNorm(width);
        up = new Linear(width, 4 * width);
        down = new Linear(4 * width, width);
        drop1 = new Dropout(dropout);
        drop2 = new Dropout(dropout);
    }

    /// <summary>Takes and gives <c>[N, T, width]</c>; position t sees positions 0 to t.</summary>
    public override Tensor Forward(Tensor input)
    {
        var x = input + drop1.Forward(proj.Forward(qkv.Forward(ln1.Forward(input)).SelfAttention(heads, isCausal: true)));
        return x + drop2.Forward(down.Forward(up.Forward(ln2.Forward(x)).Gelu()));
    }

    /// <inheritdoc/>
    public override OnnxValue ToOnnx(OnnxGraph graph, OnnxValue input)
    {
        var x = graph.Add(input, graph.Apply(proj, graph.SelfAttention(graph.Apply(qkv, graph.Apply(ln1, input)), heads, isCausal: true)));
        return graph.Add(x, graph.Apply(down, graph.Gelu(graph.Apply(up, graph.Apply(ln2, x)))));
    }

    /// <summary>The block on positions behind those in a cache, in evaluation mode.</summary>
    internal Tensor Forward(Tensor input, KeyValueCache cache, int layer)
    {
        var x = input + proj.Forward(cache.Attend(layer, qkv.Forward(ln1.Forward(input)), heads));
        return x + down.Forward(up.Forward(ln2.Forward(x)).Gelu());
    }
}
