namespace DistTrain.Data;

/// <summary>Turns tokens into text as they come. A byte-pair token may end inside of a character, and the next one begin there: that character is held back until it is whole, the text before it is not.</summary>
/// <param name="tokenizer">What the tokens are of.</param>
public sealed class TokenStream(ITokenizer tokenizer)
{
    /// <summary>What stands for bytes that are no character, or not yet.</summary>
    private const char NoCharacter = '\uFFFD';

    /// <summary>The tokens since the last border of a token that was one of a character too.</summary>
    private readonly List<int> pending = [];

    /// <summary>Characters of their text that were given.</summary>
    private int given;

    /// <summary>Takes a token; returns the text that is whole now, often empty or more than one token's.</summary>
    public string Add(int token)
    {
        pending.Add(token);
        string text = tokenizer.Decode([.. pending]);
        // What is not whole is the last character; all before it stays as it is, whatever follows.
        if (!text.EndsWith(NoCharacter)) return Give(text, isEnd: true);
        return Give(text[..^1], isEnd: false);
    }

    /// <summary>The text of what was held back, whole or not.</summary>
    public string End() => Give(tokenizer.Decode([.. pending]), isEnd: true);

    private string Give(string text, bool isEnd)
    {
        string added = text[given..];
        given = isEnd ? 0 : text.Length;
        if (isEnd) pending.Clear();
        return added;
    }
}
