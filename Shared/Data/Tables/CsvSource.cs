using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>
/// Tables in delimited text: a line of column names, numbers and categories, missing values, a target by name. Inputs are float32 <c>[features]</c>: numbers
/// standardised by the training rows, categories as one input each.
/// </summary>
public static class CsvSource
{
    private static readonly DataOption Header = new("header", "yes (default) where the first line names the columns, or no: they are column1, column2, ...") { Words = ["yes", "no"] };
    private static readonly DataOption Delimiters = new("delimiter", "what parts fields: comma, tab, semicolon, space or bar") { Words = ["comma", "tab", "semicolon", "space", "bar"] };

    internal static DataKind Kind => Make("csv", "comma", "comma-separated values");

    internal static DataKind TsvKind => Make("tsv", "tab", "tab-separated values");

    /// <summary>Reads a file the way that another one's training rows were read, such as rows to predict.</summary>
    /// <param name="spec">The file, with the options <c>header</c>, <c>delimiter</c> and <c>on-bad-row</c> as for training.</param>
    /// <param name="encoding">How, from <see cref="DataSplit.Encoding"/>.</param>
    /// <param name="withTargets">False where the rows have no target columns: their targets are then 0.</param>
    /// <exception cref="UserErrorException">The file is missing or malformed, or lacks a column.</exception>
    public static IDataset Open(DataSpec spec, TableEncoding encoding, bool withTargets = true)
    {
        var table = Rows(spec, spec.RequirePath($"{spec.Kind}:<file>"), spec.Kind == "tsv" ? '\t' : ',', encoding.KindOf, withTargets ? encoding.Targets : []).Read();
        return TableEncoder.Encode(Path.GetFileName(spec.Path), table, [.. Enumerable.Range(0, table.Rows)], encoding, withTargets);
    }

    private static DataKind Make(string name, string delimiter, string help) => new(
        name,
        $"{name}:<file>[?target=<column>]",
        $"a table of {help}",
        [
            Header,
            Delimiters with { Help = $"{Delimiters.Help} (default {delimiter})" },
            .. TableOptions.Known,
            PackedSource.Option,
        ],
        spec => Open(spec, Delimiter(delimiter)));

    private static DataSplit Open(DataSpec spec, char delimiter)
    {
        var options = TableOptions.Of(spec);
        var path = spec.RequirePath($"{spec.Kind}:<file>");
        var rows = Rows(spec, path, delimiter, options.KindOf, options.Targets.IsEmpty ? null : options.Targets);
        ImmutableArray<string> targets = options.Targets.IsEmpty ? [rows.Columns[^1].Name] : options.Targets;
        var kinds = rows.Columns.ToDictionary(column => column.Name, column => column.IsNumeric);
        var testRows = options.TestFile is null ? null
            : Rows(spec, options.TestFile, delimiter, name => kinds.TryGetValue(name, out var numeric) ? numeric : false, targets);
        return spec.Text("pack") is { } folder
            ? new TablePacker(options, rows, testRows, targets).Pack(path, folder)
            : options.Split(rows.Read(), testRows?.Read(), targets);
    }

    private static CsvTable Rows(DataSpec spec, string path, char delimiter, Func<string, bool?> kindOf, IReadOnlyCollection<string>? required)
    {
        if (spec.Text("delimiter") is not null)
            delimiter = Delimiter(spec.Choice(Delimiters));
        return new(path, delimiter, spec.Choice(Header) == "yes", spec.Choice(BadRows.Option) == "skip", kindOf, required);
    }

    private static char Delimiter(string name) => name switch { "tab" => '\t', "semicolon" => ';', "space" => ' ', "bar" => '|', _ => ',' };
}
