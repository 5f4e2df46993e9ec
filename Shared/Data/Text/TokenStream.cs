namespace DistTrain.Data;

/// <summary>Turns tokens into text as they come. A byte-pair token may end inside of a character; its text is held back until the character is whole.</summary>
/// <param name="tokenizer">What the tokens are of.</param>
public sealed class TokenStream(ITokenizer tokenizer)
{
    /// <summary>No character has more bytes, and a token has one at least.</summary>
    private const int LongestCharacter = 4;

    private readonly List<int> pending = [];

    /// <summary>Takes a token; returns the text that is whole now, often empty or more than one token's.</summary>
    public string Add(int token)
    {
        pending.Add(token);
        string text = tokenizer.Decode([.. pending]);
        if (text.EndsWith('�') && pending.Count < LongestCharacter) return "";
        pending.Clear();
        return text;
    }

    /// <summary>The text of what was held back, whole or not.</summary>
    public string End()
    {
        string text = tokenizer.Decode([.. pending]);
        pending.Clear();
        return text;
    }
}
