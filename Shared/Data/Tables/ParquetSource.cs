using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>Tables in Parquet files. Inputs and targets are made as for <see cref="CsvSource"/>.</summary>
public static class ParquetSource
{
    internal static DataKind Kind => new("parquet", "parquet:<file>[?target=<column>]", "a table in a Parquet file", TableOptions.Known, Open);

    /// <summary>Reads a file the way that another one's training rows were read, such as rows to predict.</summary>
    /// <param name="spec">The file, with the option <c>on-bad-row</c> as for training.</param>
    /// <param name="encoding">How, from <see cref="DataSplit.Encoding"/>.</param>
    /// <param name="withTargets">False where the rows have no target columns: their targets are then 0.</param>
    /// <exception cref="UserErrorException">The file is missing or malformed, or lacks a column.</exception>
    public static IDataset Open(DataSpec spec, TableEncoding encoding, bool withTargets = true)
    {
        var table = ParquetTable.Read(spec.RequirePath("parquet:<file>"), SkipsBadRows(spec), encoding.KindOf, [], withTargets ? encoding.Targets : []);
        return TableEncoder.Encode(Path.GetFileName(spec.Path), table, [.. Enumerable.Range(0, table.Rows)], encoding, withTargets);
    }

    private static DataSplit Open(DataSpec spec)
    {
        var options = TableOptions.Of(spec);
        var table = ParquetTable.Read(spec.RequirePath("parquet:<file>"), options.SkipBadRows, options.KindOf, options.Ignored, options.Targets);
        ImmutableArray<string> targets = options.Targets.IsEmpty ? [table.Columns[^1].Name] : options.Targets;
        var test = options.TestFile is null ? null : ParquetTable.Read(options.TestFile, options.SkipBadRows, options.KindOf, options.Ignored, targets);
        return (options with { Ignored = [] }).Split(table, test, targets);
    }

    private static bool SkipsBadRows(DataSpec spec) => spec.Choice(BadRows.Option) == "skip";
}
