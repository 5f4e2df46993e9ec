using System.Text;

namespace DistTrain.Data;

/// <summary>One token per character (Unicode code point), numbered in order of their codes.</summary>
public sealed class CharacterVocabulary : ITokenizer
{
    private readonly Rune[] characters;
    private readonly Dictionary<Rune, int> ids = [];

    /// <summary>A vocabulary of these characters, in this order.</summary>
    /// <param name="characters">One string of one character per token, such as a saved <see cref="Characters"/>.</param>
    /// <exception cref="ArgumentException">A string is not one character, or is there twice.</exception>
    public CharacterVocabulary(IReadOnlyList<string> characters)
    {
        this.characters = new Rune[characters.Count];
        for (var i = 0; i < characters.Count; i++)
        {
            if (!Rune.TryGetRuneAt(characters[i], 0, out var rune) || rune.Utf16SequenceLength != characters[i].Length || !ids.TryAdd(rune, i))
                throw new ArgumentException($"Token {i} of a vocabulary was '{characters[i]}', expected one character that is no other token's", nameof(characters));
            this.characters[i] = rune;
        }
        Characters = characters;
    }

    /// <inheritdoc/>
    public int Count => characters.Length;

    /// <summary>The characters, by token id.</summary>
    public IReadOnlyList<string> Characters { get; }

    /// <summary>The vocabulary of a text: its distinct characters in order of their codes.</summary>
    public static CharacterVocabulary Of(string text)
    {
        var distinct = new SortedSet<Rune>();
        foreach (var rune in text.EnumerateRunes())
            distinct.Add(rune);
        return new([.. distinct.Select(rune => rune.ToString())]);
    }

    /// <inheritdoc/>
    public int[] Encode(string text)
    {
        var tokens = new int[text.Length];
        var n = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            tokens[n++] = ids.TryGetValue(rune, out var id) ? id
                : throw new UserErrorException($"The character '{rune}' (U+{rune.Value:X4}) is not in the vocabulary of {Count} characters");
        }
        return n == tokens.Length ? tokens : tokens[..n];
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var text = new StringBuilder(tokens.Length);
        foreach (var token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, Count);
            text.Append(characters[token].ToString());
        }
        return text.ToString();
    }
}
