using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>An option that a kind of data takes.</summary>
/// <param name="Name">The name, in lower case with dashes.</param>
/// <param name="Help">What it means, with the values allowed and the default.</param>
public sealed record DataOption(string Name, string Help);

/// <summary>A kind of data that can be asked for by name: a row of <see cref="DataSources.Kinds"/>.</summary>
/// <param name="Name">The name, such as <c>mnist</c>.</param>
/// <param name="Usage">How it is written, such as <c>mnist:&lt;dir&gt;</c>.</param>
/// <param name="Help">What it is, in a line.</param>
/// <param name="Options">The options that it takes.</param>
/// <param name="Open">Reads it; the options' names are checked before.</param>
public sealed record DataKind(string Name, string Usage, string Help, ImmutableArray<DataOption> Options, Func<DataSpec, DataSplit> Open);
