namespace DistTrain.Data;

/// <summary>Turns text into token ids and back.</summary>
public interface ITokenizer
{
    /// <summary>The number of different tokens; ids are below it.</summary>
    int Count { get; }

    /// <summary>A text's tokens.</summary>
    /// <exception cref="UserErrorException">The text has something that the vocabulary has no token for.</exception>
    int[] Encode(string text);

    /// <summary>The text of tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not below <see cref="Count"/>.</exception>
    string Decode(ReadOnlySpan<int> tokens);
}
