using System.Globalization;

namespace DistTrain.Data;

/// <summary>
/// Reads a CSV or TSV file into a table, in two passes: the first finds which columns hold numbers, the second keeps values, so that text is never held
/// that becomes a number.
/// </summary>
internal sealed class CsvTable
{
    /// <summary>The values of a column that decide whether it is numeric: more than half of this many must be numbers.</summary>
    private const int KindSample = 1000;

    private static readonly string[] MissingWords = ["NA", "N/A", "NaN", "null", "none", "?"];

    private readonly string file;
    private readonly char delimiter;
    private readonly bool hasHeader, skipBadRows;
    private readonly TableColumn[] columns;
    private readonly bool[] required;

    /// <summary>Finds a file's columns.</summary>
    /// <param name="file">The file.</param>
    /// <param name="delimiter">What parts fields.</param>
    /// <param name="hasHeader">Whether the first record names the columns; otherwise they are column1, column2, …</param>
    /// <param name="skipBadRows">Whether to skip malformed rows instead of throwing.</param>
    /// <param name="kindOf">Tells whether a column is numeric (true), holds categories (false) or is to be decided by its values (null).</param>
    /// <param name="required">Columns whose value must not be missing; the last one where this is null.</param>
    /// <exception cref="UserErrorException">The file is missing or empty, or has no such columns.</exception>
    public CsvTable(string file, char delimiter, bool hasHeader, bool skipBadRows, Func<string, bool?> kindOf, IReadOnlyCollection<string>? required)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"{file}: no such file");
        (this.file, this.delimiter, this.hasHeader, this.skipBadRows) = (file, delimiter, hasHeader, skipBadRows);
        var names = ReadNames();
        required ??= [names[^1]];
        foreach (var name in required)
        {
            if (!names.Contains(name))
                throw new UserErrorException($"{file}: no column '{name}'; there are {string.Join(", ", names)}");
        }
        var numeric = FindKinds(names, kindOf);
        columns = [.. names.Select((name, i) => new TableColumn(name, numeric[i]))];
        this.required = [.. names.Select(required.Contains)];
    }

    /// <summary>The columns.</summary>
    public IReadOnlyList<TableColumn> Columns => columns;

    /// <summary>Reads all rows.</summary>
    /// <exception cref="UserErrorException">A row is malformed, or there is none.</exception>
    public Table Read() => Chunks(int.MaxValue).First();

    /// <summary>
    /// Reads the rows, some at a time: each table has the same columns, whose rows are overwritten by the next. Rows that were skipped are told of in the last one.
    /// </summary>
    /// <exception cref="UserErrorException">A row is malformed, or there is none.</exception>
    public IEnumerable<Table> Chunks(int most)
    {
        var badRows = new BadRows(file, skipBadRows);
        var numbers = new double[columns.Length];
        using var reader = Open();
        long total = 0;
        for (var more = true; more;)
        {
            foreach (var column in columns)
                column.Clear();
            var rows = 0;
            while (rows < most && (more = reader.Read()))
            {
                if (!ReadRow(reader, badRows, numbers))
                    continue;
                for (var i = 0; i < columns.Length; i++)
                {
                    if (columns[i].IsNumeric)
                        columns[i].Numbers.Add(numbers[i]);
                    else
                        columns[i].Codes.Add(IsMissing(reader.Field(i)) ? -1 : columns[i].Code(reader.Field(i)));
                }
                rows++;
            }
            total += rows;
            if (total == 0 && !more)
                throw new UserErrorException($"{file}: no rows of data{(badRows.Count > 0 ? $" ({badRows.Notice})" : "")}; expected at least one");
            yield return new(file, columns, rows, more ? null : badRows.Notice);
        }
    }

    /// <summary>Whether a value stands for none.</summary>
    public static bool IsMissing(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty)
            return true;
        foreach (var word in MissingWords)
        {
            if (value.Equals(word, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    private string[] ReadNames()
    {
        using var reader = new CsvReader(file, delimiter);
        if (!reader.Read())
            throw new UserErrorException($"{file}: empty; expected {(hasHeader ? "a line of column names" : "rows of data")}");
        var names = new string[reader.FieldCount];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = hasHeader ? reader.Field(i).ToString() : FormattableString.Invariant($"column{i + 1}");
            if (names[i].Length == 0)
                names[i] = FormattableString.Invariant($"column{i + 1}");
            if (Array.IndexOf(names, names[i]) < i)
                throw new UserErrorException($"{file}, line 1: two columns are named '{names[i]}'; expected different names");
        }
        return reader.Problem is null ? names : throw new UserErrorException($"{file}, line 1: {reader.Problem}");
    }

    private bool[] FindKinds(string[] names, Func<string, bool?> kindOf)
    {
        var known = names.Select(kindOf).ToArray();
        var seen = new int[names.Length];
        var numbers = new int[names.Length];
        var commas = new int[names.Length];
        var example = new string?[names.Length];
        using var reader = Open();
        var open = known.Count(kind => kind is null);
        while (open > 0 && reader.Read())
        {
            if (reader.FieldCount != names.Length)
                continue;
            for (var i = 0; i < names.Length; i++)
            {
                if (known[i] is not null || seen[i] == KindSample || reader.Field(i) is var value && IsMissing(value))
                    continue;
                if (TryNumber(value, out _))
                    numbers[i]++;
                else if (HasDecimalComma(value))
                {
                    commas[i]++;
                    example[i] ??= value.ToString();
                }
                if (++seen[i] == KindSample)
                    open--;
            }
        }
        for (var i = 0; i < names.Length; i++)
        {
            // Taken for categories, each number would be an input of its own.
            if (known[i] is null && commas[i] > 0 && (numbers[i] + commas[i]) * 2 > seen[i])
                throw new UserErrorException($"{file}: column '{names[i]}' has numbers with a comma in them, such as {BadRows.Show(example[i])}; expected a point before decimals and nothing between thousands, or the column under categorical");
        }
        return [.. names.Select((_, i) => known[i] ?? numbers[i] * 2 > seen[i] || seen[i] == 0)];
    }

    /// <summary>Whether a value is a number once its only comma is a point.</summary>
    private static bool HasDecimalComma(ReadOnlySpan<char> value)
    {
        const int Longest = 32;
        var comma = value.IndexOf(',');
        if (comma < 0 || value.Length > Longest)
            return false;
        Span<char> text = stackalloc char[Longest];
        value.CopyTo(text);
        text[comma] = '.';
        return TryNumber(text[..value.Length], out _);
    }

    private bool ReadRow(CsvReader reader, BadRows badRows, double[] numbers)
    {
        if (reader.Problem is { } problem)
        {
            badRows.Add($"line {reader.Line}", problem);
            return false;
        }
        if (reader.FieldCount != columns.Length)
        {
            badRows.Add($"line {reader.Line}", $"{reader.FieldCount} field{(reader.FieldCount > 1 ? "s" : "")}; expected {columns.Length}");
            return false;
        }
        for (var i = 0; i < columns.Length; i++)
        {
            var value = reader.Field(i);
            numbers[i] = double.NaN;
            if (IsMissing(value))
            {
                if (!required[i])
                    continue;
                badRows.Add($"line {reader.Line}, column '{columns[i].Name}'", $"value {BadRows.Show(value)} is missing; expected one");
                return false;
            }
            if (columns[i].IsNumeric && !TryNumber(value, out numbers[i]))
            {
                badRows.Add($"line {reader.Line}, column '{columns[i].Name}'", $"value {BadRows.Show(value)} is not a number; expected a finite number");
                return false;
            }
        }
        return true;
    }

    private CsvReader Open()
    {
        var reader = new CsvReader(file, delimiter);
        if (hasHeader)
            reader.Read();
        return reader;
    }

    /// <summary>A finite number.</summary>
    public static bool TryNumber(ReadOnlySpan<char> value, out double number) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);
}
