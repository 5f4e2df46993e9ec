using DistTrain.Autograd;
using DistTrain.Tensors;

namespace DistTrain.Nn.Models;

/// <summary>
/// A small decoder-only transformer (Radford et al. 2019): token and position embeddings, blocks of causal self-attention and a feed-forward network, each behind a layer normalization and added to what it
/// got, a last normalization and an untied linear head. Weights of linear layers and embeddings start normal with standard deviation 0.02, biases at 0.
/// </summary>
public sealed class CharGpt : Module
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
}
