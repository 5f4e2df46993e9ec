using DistTrain.Data;
using DistTrain.Simd;

namespace DistTrain.Examples.SpamFilter;

/// <summary>
/// Short mails that the program makes up: words drawn from a common vocabulary, and from one that spam or good mail prefers. Each mail is a pure function of the set's key and its number, so every
/// process makes the same ones. Input: how often each word stands in the mail, <c>[words]</c>; target: 1 for spam, <c>[1]</c>.
/// </summary>
/// <param name="name">A short name for messages.</param>
/// <param name="count">How many mails.</param>
/// <param name="key">What tells this set's mails from another's.</param>
public sealed class MailDataset(string name, int count, ulong key) : Dataset(name, count, SampleSpec.Float32(Vocabulary.Length), SampleSpec.Float32(1))
{
    private const int WordsInMail = 14;

    /// <summary>Share of a mail's words, in hundredths, that its kind prefers; the rest may be anything.</summary>
    private const int Preferred = 45;

    private static readonly string[] Spam = ["winner", "free", "prize", "loan", "click", "cheap", "urgent", "offer", "pills", "casino", "bonus", "guaranteed"];
    private static readonly string[] Good = ["meeting", "report", "lunch", "review", "thanks", "tomorrow", "minutes", "budget", "draft", "holiday", "train", "gradient"];
    private static readonly string[] Common = ["the", "you", "we", "please", "today", "now", "about", "time", "new", "see", "get", "for", "your", "our", "money", "mail"];

    /// <summary>Every word, in the order of the input's elements.</summary>
    public static readonly string[] Vocabulary = [.. Spam, .. Good, .. Common];

    /// <summary>The words of a mail, and whether it is spam.</summary>
    public (string[] Words, bool IsSpam) Mail(int index)
    {
        Span<uint> draws = stackalloc uint[WordsInMail * 2 + 4];
        Draw(index, draws);
        var words = new string[WordsInMail];
        for (int i = 0; i < words.Length; i++) words[i] = Vocabulary[WordAt(draws, i)];
        return (words, IsSpam(draws));
    }

    /// <inheritdoc/>
    protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
    {
        Span<uint> draws = stackalloc uint[WordsInMail * 2 + 4];
        Draw(index, draws);
        var counts = input.Float32;
        counts.Clear();
        for (int i = 0; i < WordsInMail; i++) counts[WordAt(draws, i)]++;
        target.Float32[0] = IsSpam(draws) ? 1f : 0f;
    }

    private static bool IsSpam(ReadOnlySpan<uint> draws) => (draws[0] & 1) == 1;

    private static int WordAt(ReadOnlySpan<uint> draws, int i)
    {
        uint kind = draws[4 + 2 * i] % 100, word = draws[5 + 2 * i];
        if (kind >= Preferred) return (int)(word % (uint)Vocabulary.Length);
        return IsSpam(draws) ? (int)(word % (uint)Spam.Length) : Spam.Length + (int)(word % (uint)Good.Length);
    }

    private void Draw(int index, Span<uint> draws) => Philox.FillWords(draws, RandomKey.Create(key, (ulong)index));
}
