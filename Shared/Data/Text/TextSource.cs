using System.Text;

namespace DistTrain.Data;

/// <summary>
/// Text for language models, as characters (the vocabulary is the text's distinct ones in order of their code) or as byte pairs. The first 90 % of the tokens are for
/// training, the rest for testing.
/// </summary>
public static class TextSource
{
    /// <summary>Tokens in a window, where nothing else is asked for.</summary>
    public const int DefaultWindow = 64;

    private static readonly DataOption Window = new("window", $"tokens in a window, 1 to 65536 (default {DefaultWindow})") { Range = (1, 65536), IsWhole = true };

    private static readonly DataOption Bpe =
        new("bpe", $"learn a byte-pair vocabulary of this many tokens, {BytePairVocabulary.LeastSize} to {BytePairVocabulary.MostSize}, from the training part") { Range = (BytePairVocabulary.LeastSize, BytePairVocabulary.MostSize), IsWhole = true };

    internal static DataKind Kind => new(
        "text",
        "text:<file>",
        "a UTF-8 text as characters or byte pairs, in windows of 64",
        [
            Window,
            Bpe,
            new("vocab", "a byte-pair vocabulary's vocab.json, to be given with merges", IsPath: true),
            new("merges", "its merges.txt", IsPath: true),
        ],
        Open);

    /// <summary>Reads a text as characters.</summary>
    /// <param name="file">A UTF-8 file.</param>
    /// <param name="window">Tokens in a window.</param>
    /// <exception cref="UserErrorException">The file is missing, not UTF-8, or too short for one window in each part.</exception>
    public static DataSplit Open(string file, int window = DefaultWindow)
    {
        var text = Read(file);
        return Split(file, text, CharacterVocabulary.Of(text), window);
    }

    private static string Read(string file)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"Data 'text:{file}': no such file");
        try
        {
            var bytes = File.ReadAllBytes(file);
            // A byte-order mark says that this is UTF-8; it is no character of the text.
            var mark = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, mark, bytes.Length - mark);
        }
        catch (DecoderFallbackException error)
        {
            throw new UserErrorException($"{file}: not UTF-8 text: a wrong byte at offset {error.Index}", error);
        }
    }

    private static DataSplit Split(string file, string text, ITokenizer tokenizer, int window)
    {
        var tokens = tokenizer.Encode(text);
        var train = (int)(tokens.Length * 9L / 10);
        var name = Path.GetFileName(file);
        return new(
            name,
            new TokenWindows($"{name}, training part", tokens.AsMemory(0, train), window, tokenizer, varied: true),
            new TokenWindows($"{name}, test part", tokens.AsMemory(train), window, tokenizer, varied: false));
    }

    private static DataSplit Open(DataSpec spec)
    {
        var file = spec.RequirePath("text:<file>");
        var window = (int)spec.Whole(Window, DefaultWindow);
        var size = (int)spec.Whole(Bpe, 0);
        string? vocabulary = spec.Text("vocab"), merges = spec.Text("merges");
        if (vocabulary is null != merges is null || (vocabulary is not null && size > 0))
            throw new UserErrorException($"Data '{spec}': expected vocab and merges together, or bpe, or none of them");
        var text = Read(file);
        ITokenizer tokenizer = vocabulary is not null ? BytePairVocabulary.Load(vocabulary, merges!)
            : size > 0 ? BytePairVocabulary.Of(text[..(int)(text.Length * 9L / 10)], size)
            : CharacterVocabulary.Of(text);
        return Split(file, text, tokenizer, window);
    }
}
