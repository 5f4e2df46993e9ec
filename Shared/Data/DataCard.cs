using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistTrain.Data;

/// <summary>How text became tokens.</summary>
/// <param name="Tokens">The tokens by id: characters, or a byte-pair vocabulary's.</param>
/// <param name="Merges">A byte-pair vocabulary's merges; null for characters.</param>
public sealed record VocabularyCard(ImmutableArray<string> Tokens, ImmutableArray<string>? Merges = null);

/// <summary>
/// What has to be known of a data set to use a model that was trained on it where the data itself is not at hand: shapes, classes, and how text or a table's rows became numbers. It is
/// saved with the weights.
/// </summary>
public sealed record DataCard
{
    /// <summary>The data's short name.</summary>
    public required string Name { get; init; }

    /// <summary>What an input is made of.</summary>
    public required ElementType InputType { get; init; }

    /// <summary>The shape of one input, without the batch.</summary>
    public required ImmutableArray<int> InputShape { get; init; }

    /// <summary>What a target is made of.</summary>
    public required ElementType TargetType { get; init; }

    /// <summary>The shape of one target, without the batch.</summary>
    public required ImmutableArray<int> TargetShape { get; init; }

    /// <summary>The number of classes, or of tokens; 0 where targets are no classes.</summary>
    public int Classes { get; init; }

    /// <summary>The classes' names by label; null where they have none, or where they are tokens.</summary>
    public ImmutableArray<string>? ClassNames { get; init; }

    /// <summary>How text became tokens; null for other data.</summary>
    public VocabularyCard? Vocabulary { get; init; }

    /// <summary>How a table's rows became numbers; null for other data.</summary>
    public TableEncoding? Table { get; init; }

    /// <summary>One input.</summary>
    [JsonIgnore]
    public SampleSpec Inputs => new(InputType, InputShape);

    /// <summary>One target.</summary>
    [JsonIgnore]
    public SampleSpec Targets => new(TargetType, TargetShape);

    /// <summary>Describes data.</summary>
    public static DataCard Of(DataSplit data)
    {
        var vocabulary = (data.Train as TokenWindows)?.Tokenizer switch
        {
            CharacterVocabulary characters => new VocabularyCard([.. characters.Characters]),
            BytePairVocabulary pairs => new VocabularyCard([.. pairs.Tokens], [.. pairs.Merges]),
            _ => null,
        };
        return new DataCard
        {
            Name = data.Name,
            InputType = data.Train.Inputs.Type,
            InputShape = data.Train.Inputs.Shape,
            TargetType = data.Train.Targets.Type,
            TargetShape = data.Train.Targets.Shape,
            Classes = data.Train.Classes,
            ClassNames = vocabulary is null && data.Train.ClassNames is { } names ? [.. names] : null,
            Vocabulary = vocabulary,
            Table = data.Encoding,
        };
    }

    /// <summary>Reads a card.</summary>
    /// <exception cref="UserErrorException">The text is none.</exception>
    public static DataCard Parse(string json)
    {
        try
        {
            var card = JsonSerializer.Deserialize(json, DataCardContext.Default.DataCard) ?? throw new UserErrorException("the description of the data is empty");
            _ = (card.Inputs, card.Targets);
            if (card.Vocabulary is { Tokens.IsDefault: true }) throw new UserErrorException("the description of the data has a vocabulary without tokens");
            if (card.Vocabulary is { } vocabulary && vocabulary.Tokens.Length != card.Classes) throw new UserErrorException($"the description of the data has {vocabulary.Tokens.Length} tokens and {card.Classes} classes, expected as many");
            return card;
        }
        catch (Exception error) when (error is JsonException or ArgumentException or NotSupportedException)
        {
            throw new UserErrorException($"the description of the data cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The card as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DataCardContext.Default.DataCard);

    /// <summary>What turns text into tokens and back; null for other data.</summary>
    /// <exception cref="UserErrorException">The vocabulary makes no sense.</exception>
    public ITokenizer? CreateTokenizer()
    {
        if (Vocabulary is not { } vocabulary) return null;
        try
        {
            return vocabulary.Merges is { } merges ? BytePairVocabulary.From(vocabulary.Tokens, merges) : new CharacterVocabulary(vocabulary.Tokens);
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"the vocabulary cannot be used: {error.Message}", error);
        }
    }
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DataCard))]
internal sealed partial class DataCardContext : JsonSerializerContext;
