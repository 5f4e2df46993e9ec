using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace DistTrain.Data;

/// <summary>
/// Byte-level byte-pair tokens as GPT-2 has them: any text can be written in them. The vocabulary is learned from a text, or read from the two files that the
/// field uses, <c>vocab.json</c> and <c>merges.txt</c>. Encoding and decoding is Microsoft.ML.Tokenizers'.
/// </summary>
public sealed partial class BytePairVocabulary : ITokenizer
{
    /// <summary>The bytes are tokens themselves.</summary>
    public const int LeastSize = 256;

    /// <summary>The largest vocabulary that is learned.</summary>
    public const int MostSize = 65536;

    private static readonly char[] ByteToCharacter = MakeByteCharacters();
    private readonly BpeTokenizer tokenizer;

    private BytePairVocabulary(IReadOnlyList<string> tokens, IReadOnlyList<string> merges)
    {
        (Tokens, Merges) = (tokens, merges);
        tokenizer = BpeTokenizer.Create(new BpeOptions(tokens.Select((token, id) => KeyValuePair.Create(token, id)))
        {
            Merges = merges,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(WordPattern(), null),
        });
    }

    /// <inheritdoc/>
    public int Count => Tokens.Count;

    /// <summary>The tokens by id, their bytes as printable characters (a blank is Ġ).</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>The merges, first to last, each two tokens with a blank between them.</summary>
    public IReadOnlyList<string> Merges { get; }

    /// <summary>Learns a vocabulary from a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">Tokens, 256 to 65,536; there are fewer when the text is too short to learn so many.</param>
    public static BytePairVocabulary Of(string text, int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, LeastSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MostSize);
        var occurrences = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var match in WordPattern().EnumerateMatches(text))
        {
            var word = text.Substring(match.Index, match.Length);
            occurrences[word] = occurrences.GetValueOrDefault(word) + 1;
        }
        var trainer = new BytePairTrainer();
        foreach (var (word, count) in occurrences)
            trainer.Add([.. Encoding.UTF8.GetBytes(word).Select(b => (int)b)], count);
        var tokens = ByteToCharacter.Select(character => character.ToString()).ToList();
        var merges = new List<string>();
        foreach (var (left, right) in trainer.Learn(LeastSize, size - LeastSize))
        {
            merges.Add($"{tokens[left]} {tokens[right]}");
            tokens.Add(tokens[left] + tokens[right]);
        }
        return new(tokens, merges);
    }

    /// <summary>Makes a vocabulary again from what was saved of one.</summary>
    /// <param name="tokens">Its <see cref="Tokens"/>.</param>
    /// <param name="merges">Its <see cref="Merges"/>.</param>
    public static BytePairVocabulary From(IReadOnlyList<string> tokens, IReadOnlyList<string> merges) => new(tokens, merges);

    /// <summary>Reads a vocabulary.</summary>
    /// <param name="vocabularyFile">A JSON object from token to id, such as GPT-2's <c>vocab.json</c>.</param>
    /// <param name="mergesFile">A merge per line, such as GPT-2's <c>merges.txt</c>.</param>
    /// <exception cref="UserErrorException">A file is missing or malformed.</exception>
    public static BytePairVocabulary Load(string vocabularyFile, string mergesFile)
    {
        var tokens = ReadTokens(vocabularyFile);
        if (!File.Exists(mergesFile))
            throw new UserErrorException($"{mergesFile}: no such file");
        var merges = new List<string>();
        var known = new HashSet<string>(tokens, StringComparer.Ordinal);
        var line = 0;
        foreach (var text in File.ReadLines(mergesFile))
        {
            line++;
            if (text.Length == 0 || (line == 1 && text.StartsWith("#version", StringComparison.Ordinal)))
                continue;
            var parts = text.Split(' ');
            if (parts.Length != 2 || !known.Contains(parts[0]) || !known.Contains(parts[1]) || !known.Contains(parts[0] + parts[1]))
                throw new UserErrorException($"{mergesFile}, line {line}: {BadRows.Show(text)}; expected two tokens of the vocabulary that make a third");
            merges.Add(text);
        }
        return new(tokens, merges);
    }

    /// <summary>Writes <c>vocab.json</c> and <c>merges.txt</c> into a folder.</summary>
    public void Save(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(Tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id)));
        File.WriteAllLines(Path.Combine(folder, "merges.txt"), ["#version: 0.2", .. Merges]);
    }

    /// <inheritdoc/>
    public int[] Encode(string text) => [.. tokenizer.EncodeToIds(text)];

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        foreach (var token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, Count);
        }
        return tokenizer.Decode(tokens.ToArray());
    }

    private static string[] ReadTokens(string file)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"{file}: no such file");
        Dictionary<string, int> ids;
        try
        {
            ids = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(file)) ?? [];
        }
        catch (JsonException error)
        {
            throw new UserErrorException(string.Create(CultureInfo.InvariantCulture, $"{file}, line {error.LineNumber + 1}: no JSON object from tokens to ids"), error);
        }
        var tokens = new string?[ids.Count];
        foreach (var (token, id) in ids)
        {
            if ((uint)id >= (uint)tokens.Length || tokens[id] is not null)
                throw new UserErrorException($"{file}: token {BadRows.Show(token)} has the id {id}; expected each of 0 to {tokens.Length - 1} once");
            tokens[id] = token;
        }
        foreach (var character in ByteToCharacter)
        {
            if (!ids.ContainsKey(character.ToString()))
                throw new UserErrorException($"{file}: no token '{character}'; expected one for each of the 256 bytes");
        }
        return tokens!;
    }

    /// <summary>GPT-2's printable stand-ins for bytes: those that print stand for themselves, the others follow from U+0100.</summary>
    private static char[] MakeByteCharacters()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF ? (char)b : (char)next++;
        return characters;
    }

    [GeneratedRegex(@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex WordPattern();
}
