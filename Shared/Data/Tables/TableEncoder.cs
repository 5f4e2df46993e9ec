using System.Collections.Immutable;
using System.Globalization;

namespace DistTrain.Data;

/// <summary>Finds a <see cref="TableEncoding"/> from training rows, and applies it to rows.</summary>
internal static class TableEncoder
{
    /// <summary>The most categories of an input column; more is most likely a column of names or numbers that say nothing.</summary>
    public const int MostCategories = 1000;

    /// <summary>A numeric target of whole numbers with at most this many different ones is taken for classes.</summary>
    public const int MostNumericClasses = 20;

    /// <summary>Finds how to encode a table.</summary>
    /// <param name="table">The rows.</param>
    /// <param name="rows">Those that are for training.</param>
    /// <param name="targets">The target columns.</param>
    /// <param name="ignored">Columns that are neither input nor target.</param>
    /// <param name="task">What the target is; null to decide by its values.</param>
    /// <param name="standardize">Whether numeric inputs get mean 0 and standard deviation 1.</param>
    /// <param name="labels">Other tables whose target values are classes too.</param>
    public static TableEncoding Fit(
        Table table, int[] rows, ImmutableArray<string> targets, IReadOnlyCollection<string> ignored, TableTask? task, bool standardize, params ReadOnlySpan<Table> labels)
    {
        var inputs = table.Columns.Where(column => !targets.Contains(column.Name) && !ignored.Contains(column.Name))
            .Select(column => FitInput(table.File, column, rows, standardize)).ToImmutableArray();
        if (inputs.IsEmpty)
            throw new UserErrorException($"{table.File}: no column is left for inputs; expected at least one besides the target {string.Join(", ", targets)}");
        var values = new List<string>();
        var decided = task ?? Decide([table, .. labels], targets);
        if (decided is TableTask.Regression)
        {
            foreach (var target in targets)
            {
                if (!table.Column(target).IsNumeric)
                    throw new UserErrorException($"{table.File}: target '{target}' holds categories such as {BadRows.Show(table.Column(target).Categories.FirstOrDefault())}; expected numbers for regression");
            }
        }
        else
        {
            if (targets.Length > 1)
                throw new UserErrorException($"{table.File}: {targets.Length} target columns for {decided.ToString().ToLowerInvariant()}; expected one");
            values = ClassesOf([table, .. labels], targets[0]);
            if (values.Count < 2 || (decided is TableTask.Binary && values.Count != 2))
                throw new UserErrorException($"{table.File}: target '{targets[0]}' has {values.Count} different value{(values.Count == 1 ? "" : "s")}; expected {(decided is TableTask.Binary ? "2" : "2 or more")}");
        }
        return new(inputs, targets, decided, [.. values]);
    }

    /// <summary>Encodes rows; without targets, these are 0.</summary>
    public static ArrayDataset Encode(string name, Table table, int[] rows, TableEncoding encoding, bool withTargets = true)
    {
        var width = encoding.Width;
        if ((long)rows.Length * width > Array.MaxLength)
            throw new UserErrorException($"{table.File}: {rows.Length} rows of {width} inputs are more than {Array.MaxLength} numbers; expected fewer (columns can be left out with ignore)");
        var inputs = new float[rows.Length * width];
        var start = 0;
        foreach (var column in encoding.Inputs)
        {
            EncodeInput(table.Column(column.Column), rows, column, inputs.AsSpan(start), width);
            start += column.Width;
        }
        var spec = SampleSpec.Float32(width);
        if (encoding.Task is TableTask.Regression)
        {
            var targets = new float[rows.Length * encoding.Targets.Length];
            for (var t = 0; t < encoding.Targets.Length && withTargets; t++)
            {
                var numbers = table.Column(encoding.Targets[t]).Numbers;
                for (var i = 0; i < rows.Length; i++)
                    targets[i * encoding.Targets.Length + t] = (float)numbers[rows[i]];
            }
            return new(name, inputs, spec, targets, SampleSpec.Float32(encoding.Targets.Length));
        }
        var labels = withTargets ? Labels(table, rows, encoding) : new long[rows.Length];
        return encoding.Task is TableTask.Binary
            ? new(name, inputs, spec, [.. labels.Select(label => (float)label)], SampleSpec.Float32(1))
            : new(name, inputs, spec, labels, encoding.Classes.Length, encoding.Classes);
    }

    private static ColumnEncoding FitInput(string file, TableColumn column, int[] rows, bool standardize)
    {
        if (column.IsNumeric)
        {
            double sum = 0, squares = 0;
            var count = 0;
            foreach (var row in rows)
            {
                if (!column.IsMissing(row))
                {
                    sum += column.Numbers[row];
                    count++;
                }
            }
            var mean = count > 0 ? sum / count : 0;
            foreach (var row in rows)
            {
                if (!column.IsMissing(row))
                    squares += (column.Numbers[row] - mean) * (column.Numbers[row] - mean);
            }
            var deviation = count > 0 ? Math.Sqrt(squares / count) : 0;
            return new(column.Name, mean, standardize ? mean : 0, standardize && deviation > 0 ? deviation : 1, null);
        }
        var used = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            if (!column.IsMissing(row))
                used.Add(column.Categories[column.Codes[row]]);
        }
        return used.Count <= MostCategories ? new(column.Name, 0, 0, 1, [.. used])
            : throw new UserErrorException($"{file}: column '{column.Name}' has {used.Count} different values, expected at most {MostCategories}; leave it out with ignore={column.Name}");
    }

    private static void EncodeInput(TableColumn column, int[] rows, ColumnEncoding encoding, Span<float> inputs, int stride)
    {
        if (encoding.Categories is not { } categories)
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var number = column.IsMissing(rows[i]) ? encoding.Missing : column.Numbers[rows[i]];
                inputs[i * stride] = (float)((number - encoding.Shift) / encoding.Scale);
            }
            return;
        }
        var place = column.Categories.Select(category => categories.IndexOf(category)).ToArray();
        for (var i = 0; i < rows.Length; i++)
        {
            if (!column.IsMissing(rows[i]) && place[column.Codes[rows[i]]] is >= 0 and var input)
                inputs[i * stride + input] = 1;
        }
    }

    private static TableTask Decide(Table[] tables, ImmutableArray<string> targets)
    {
        if (targets.Length > 1)
            return TableTask.Regression;
        if (!tables[0].Column(targets[0]).IsNumeric)
            return TableTask.Classification;
        var different = new HashSet<double>();
        foreach (var table in tables)
        {
            foreach (var number in table.Column(targets[0]).Numbers)
            {
                if (number != Math.Floor(number) || (different.Add(number) && different.Count > MostNumericClasses))
                    return TableTask.Regression;
            }
        }
        return TableTask.Classification;
    }

    private static List<string> ClassesOf(Table[] tables, string target)
    {
        if (tables[0].Column(target).IsNumeric)
            return [.. tables.SelectMany(table => table.Column(target).Numbers).Distinct().Order().Select(Name)];
        return [.. tables.SelectMany(table => table.Column(target).Categories).Distinct().Order(StringComparer.Ordinal)];
    }

    private static long[] Labels(Table table, int[] rows, TableEncoding encoding)
    {
        var column = table.Column(encoding.Targets[0]);
        var labelOf = encoding.Classes.Select((name, label) => (name, label)).ToDictionary(pair => pair.name, pair => (long)pair.label);
        var labels = new long[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            var name = column.IsNumeric ? Name(column.Numbers[rows[i]]) : column.Categories[column.Codes[rows[i]]];
            labels[i] = labelOf.TryGetValue(name, out var label) ? label
                : throw new UserErrorException($"{table.File}: target '{column.Name}' is {BadRows.Show(name)}; expected one of {string.Join(", ", encoding.Classes.Take(20))}");
        }
        return labels;
    }

    private static string Name(double number) => number.ToString(CultureInfo.InvariantCulture);
}
