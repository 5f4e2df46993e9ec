using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DistTrain.Data;

/// <summary>
/// Windows of W tokens for a language model: the input is W tokens, the target the W tokens from one later. In training the windows of an epoch start at an
/// offset of Philox(seed, epoch) mod W and do not overlap, so the model sees every token once an epoch and never cuts the text at the same places; in evaluation they
/// start at 0.
/// </summary>
public sealed class TokenWindows : Dataset
{
    private readonly ReadOnlyMemory<int> tokens;
    private readonly int classes;
    private readonly bool varied;

    /// <summary>Cuts tokens into windows.</summary>
    /// <param name="name">A short name for messages.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="window">Tokens in a window, 1 or more.</param>
    /// <param name="tokenizer">What made the tokens, and turns them into text again.</param>
    /// <param name="varied">
    /// True for training: the offset varies with the epoch, and <see cref="Dataset.Count"/> is what fits at the largest offset. False for evaluation: all non-overlapping windows.
    /// </param>
    /// <exception cref="UserErrorException">There are too few tokens for one window.</exception>
    public TokenWindows(string name, ReadOnlyMemory<int> tokens, int window, ITokenizer tokenizer, bool varied)
        : base(name, CountOf(name, tokens.Length, window, varied), SampleSpec.Int64(window), SampleSpec.Int64(window))
    {
        (this.tokens, Tokenizer, this.varied) = (tokens, tokenizer, varied);
        classes = tokenizer.Count;
    }

    /// <summary>Turns token ids into text.</summary>
    public ITokenizer Tokenizer { get; }

    /// <inheritdoc/>
    public override int Classes => classes;

    /// <inheritdoc/>
    public override IReadOnlyList<string>? ClassNames => Tokenizer switch
    {
        CharacterVocabulary characters => characters.Characters,
        BytePairVocabulary pairs => pairs.Tokens,
        _ => null,
    };

    /// <summary>Where an epoch's first window starts.</summary>
    public int Offset(ReadContext context) => varied && context.IsTraining
        ? (int)(new RandomStream(context.Seed, RandomUse.TextOffset, (ulong)context.Epoch).NextUInt32() % (uint)Inputs.Length)
        : 0;

    /// <inheritdoc/>
    protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
    {
        Span<long> inputs = input.Int64, targets = target.Int64;
        var source = tokens.Span.Slice(Offset(context) + index * inputs.Length, inputs.Length + 1);
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = source[i];
            targets[i] = source[i + 1];
        }
    }

    /// <inheritdoc/>
    protected override void AddContent(IncrementalHash hash) => hash.AppendData(MemoryMarshal.AsBytes(tokens.Span));

    /// <summary>The windows that fit with the token after their last, whatever the offset.</summary>
    private static int CountOf(string name, int tokens, int window, bool varied)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        var largestOffset = varied ? window - 1 : 0;
        var count = (tokens - 1 - largestOffset) / window;
        return count > 0 ? count
            : throw new UserErrorException($"{name}: {tokens} tokens are too few for windows of {window}; expected at least {window + 1 + largestOffset}");
    }
}
