using System.Globalization;
using System.Text;

namespace DistTrain.Data;

/// <summary>
/// Text as characters, for language models: the vocabulary is the text's distinct characters in order of their code, the first 90 % are for training, the
/// rest for testing.
/// </summary>
public static class TextSource
{
    /// <summary>Tokens in a window, where nothing else is asked for.</summary>
    public const int DefaultWindow = 64;

    internal static DataKind Kind => new(
        "text",
        "text:<file>",
        "a UTF-8 text as characters, in windows of 64",
        [new("window", $"tokens in a window, 1 to 65536 (default {DefaultWindow})")],
        spec => Open(spec.Path, WindowOf(spec)));

    /// <summary>Reads a text.</summary>
    /// <param name="file">A UTF-8 file.</param>
    /// <param name="window">Tokens in a window.</param>
    /// <exception cref="UserErrorException">The file is missing, not UTF-8, or too short for one window in each part.</exception>
    public static DataSplit Open(string file, int window = DefaultWindow)
    {
        if (file.Length == 0)
            throw new UserErrorException("Data 'text' names no file; expected text:<file>");
        if (!File.Exists(file))
            throw new UserErrorException($"Data 'text:{file}': no such file");
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(file));
        }
        catch (DecoderFallbackException error)
        {
            throw new UserErrorException($"{file}: not UTF-8 text: a wrong byte at offset {error.Index}", error);
        }
        return Split(file, text, CharacterVocabulary.Of(text), window);
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

    private static int WindowOf(DataSpec spec) =>
        !spec.Options.TryGetValue("window", out var text) ? DefaultWindow
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var window) && window is >= 1 and <= 65536 ? window
        : throw new UserErrorException($"Data '{spec}': window was '{text}'; expected a whole number from 1 to 65536");
}
