using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>The kinds of data that can be asked for by name. To add one, write its reader and add a row here.</summary>
public static class DataSources
{
    /// <summary>What is trained on when nothing is asked for.</summary>
    public const string Default = "digits";

    /// <summary>Every kind.</summary>
    public static readonly ImmutableArray<DataKind> Kinds =
    [
        DigitsSource.Kind,
        MnistSource.Kind,
        TextSource.Kind,
        CsvSource.Kind,
        CsvSource.TsvKind,
        ParquetSource.Kind,
        NumpySource.NpyKind,
        NumpySource.NpzKind,
        CifarSource.Kind,
        ImageFolderSource.Kind,
        PackedSource.Kind,
    ];

    /// <summary>The option that every kind takes.</summary>
    public static readonly DataOption Augment = new("augment", $"random changes to training images: {ImageAugmentation.Usage}");

    /// <summary>How every kind is written, for messages: <c>digits[:train,test,seed], mnist:&lt;dir&gt;, ...</c>.</summary>
    public static string Usage => string.Join(", ", Kinds.Select(kind => kind.Usage));

    /// <summary>A request with its relative paths taken from a folder; as it is where that is null, or the kind is unknown.</summary>
    public static DataSpec Under(string? root, DataSpec spec) => root is null ? spec : Kinds.FirstOrDefault(kind => kind.Name == spec.Kind)?.Under(root, spec) ?? spec;

    /// <summary>Opens data by name.</summary>
    /// <param name="spec">What is asked for, such as <c>mnist:/data/mnist</c>; see <see cref="DataSpec"/>.</param>
    /// <param name="root">The folder that relative paths are taken from; null for the current one.</param>
    /// <exception cref="UserErrorException">The kind is unknown, an option is not one of the kind's, or a file is missing or corrupt.</exception>
    public static DataSplit Open(string spec, string? root = null) => Open(DataSpec.Parse(spec), root);

    /// <inheritdoc cref="Open(string, string?)"/>
    public static DataSplit Open(DataSpec spec, string? root = null)
    {
        var kind = Kinds.FirstOrDefault(kind => kind.Name == spec.Kind)
            ?? throw new UserErrorException($"Unknown data '{spec}'; expected one of {Usage}{Suggestion.Hint(spec.Kind, Kinds.Select(k => k.Name))}");
        foreach (var option in spec.Options.Keys)
        {
            if (option != Augment.Name && !kind.Options.Any(known => known.Name == option))
                throw new UserErrorException($"Data '{spec}': unknown option '{option}'; {kind.Name} takes {string.Join(", ", kind.Options.Append(Augment).Select(known => known.Name))}{Suggestion.Hint(option, kind.Options.Append(Augment).Select(known => known.Name))}");
        }
        spec = Under(root, spec);
        try
        {
            var split = kind.Open(spec);
            return spec.Text(Augment.Name) is { } text ? split with { Train = new AugmentedDataset(split.Train, ImageAugmentation.Parse(text)) } : split;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"Data '{spec}' cannot be read: {error.Message}", error);
        }
    }
}
