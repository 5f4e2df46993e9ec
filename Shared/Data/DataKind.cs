using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>An option that a kind of data takes.</summary>
/// <param name="Name">The name, in lower case with dashes.</param>
/// <param name="Help">What it means, with the values allowed and the default.</param>
/// <param name="IsPath">Whether its value is a file or a folder.</param>
public sealed record DataOption(string Name, string Help, bool IsPath = false)
{
    /// <summary>The words that it may be, the default first; empty where it is no choice of words.</summary>
    public ImmutableArray<string> Words { get; init; } = [];

    /// <summary>The numbers that it may be, ends included; null where it is no number.</summary>
    public (double Least, double Most)? Range { get; init; }

    /// <summary>Whether the numbers are whole.</summary>
    public bool IsWhole { get; init; }
}

/// <summary>A kind of data that can be asked for by name: a row of <see cref="DataSources.Kinds"/>.</summary>
/// <param name="Name">The name, such as <c>mnist</c>.</param>
/// <param name="Usage">How it is written, such as <c>mnist:&lt;dir&gt;</c>.</param>
/// <param name="Help">What it is, in a line.</param>
/// <param name="Options">The options that it takes.</param>
/// <param name="Open">Reads it; the options' names are checked before.</param>
public sealed record DataKind(string Name, string Usage, string Help, ImmutableArray<DataOption> Options, Func<DataSpec, DataSplit> Open)
{
    /// <summary>Whether what follows the colon is a file or a folder.</summary>
    public bool TakesPath { get; init; } = true;

    /// <summary>A request with its relative paths taken from a folder.</summary>
    internal DataSpec Under(string root, DataSpec spec) => spec with
    {
        Path = TakesPath && spec.Path.Length > 0 ? Path.Combine(root, spec.Path) : spec.Path,
        Options = spec.Options.ToDictionary(option => option.Key, option => Options.Any(known => known.IsPath && known.Name == option.Key) ? Path.Combine(root, option.Value) : option.Value),
    };
}
