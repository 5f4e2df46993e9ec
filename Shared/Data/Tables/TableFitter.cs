using System.Collections.Immutable;
using System.Globalization;

namespace DistTrain.Data;

/// <summary>
/// Finds a <see cref="TableEncoding"/> in three looks at rows, which need not be in memory together: at the targets of all rows, at the inputs of the training rows, and at these once
/// more for their deviations. Sums run in row order, so it does not matter how the rows are parted.
/// </summary>
/// <param name="file">Where the rows come from.</param>
/// <param name="targets">The target columns.</param>
/// <param name="ignored">Columns that are neither input nor target.</param>
/// <param name="task">What the target is; null to decide by its values.</param>
/// <param name="standardize">Whether numeric inputs get mean 0 and standard deviation 1.</param>
internal sealed class TableFitter(string file, ImmutableArray<string> targets, IReadOnlyCollection<string> ignored, TableTask? task, bool standardize)
{
    /// <summary>The most categories of an input column; more is most likely a column of names or numbers that say nothing.</summary>
    public const int MostCategories = 1000;

    /// <summary>A numeric target of whole numbers with at most this many different ones is taken for classes.</summary>
    public const int MostNumericClasses = 20;

    private readonly SortedSet<double> targetNumbers = [];
    private readonly SortedSet<string> targetTexts = new(StringComparer.Ordinal);
    private readonly List<InputFit> inputs = [];
    private bool hasTextTarget, isRegression = task is TableTask.Regression || (task is null && targets.Length > 1);

    /// <summary>The first look: at the targets of rows for training and testing.</summary>
    public void AddTargets(Table table)
    {
        foreach (var target in targets)
        {
            var column = table.Column(target);
            hasTextTarget |= !column.IsNumeric;
            if (!column.IsNumeric)
                targetTexts.UnionWith(column.Categories);
            for (var row = 0; row < table.Rows && column.IsNumeric && !isRegression; row++)
            {
                var number = column.Numbers[row];
                targetNumbers.Add(number);
                isRegression = task is null && (number != Math.Floor(number) || targetNumbers.Count > MostNumericClasses);
            }
        }
    }

    /// <summary>The second look: at the inputs of training rows.</summary>
    public void AddInputs(Table table, ReadOnlySpan<int> rows)
    {
        if (inputs.Count == 0)
            inputs.AddRange(table.Columns.Where(column => !targets.Contains(column.Name) && !ignored.Contains(column.Name)).Select(column => new InputFit(column)));
        foreach (var input in inputs)
            input.Add(file, rows);
    }

    /// <summary>The third look: at the inputs of training rows again.</summary>
    public void AddDeviations(ReadOnlySpan<int> rows)
    {
        foreach (var input in inputs)
            input.AddDeviations(rows);
    }

    /// <summary>What was found.</summary>
    /// <exception cref="UserErrorException">The columns do not make inputs and a target of the task.</exception>
    public TableEncoding Finish()
    {
        if (inputs.Count == 0)
            throw new UserErrorException($"{file}: no column is left for inputs; expected at least one besides the target {string.Join(", ", targets)}");
        var columns = inputs.Select(input => input.Finish(standardize)).ToImmutableArray();
        if (isRegression)
        {
            return hasTextTarget
                ? throw new UserErrorException($"{file}: target '{string.Join(", ", targets)}' holds categories such as {BadRows.Show(targetTexts.Min)}; expected numbers for regression")
                : new(columns, targets, TableTask.Regression, []);
        }
        var decided = task ?? TableTask.Classification;
        if (targets.Length > 1)
            throw new UserErrorException($"{file}: {targets.Length} target columns for {decided.ToString().ToLowerInvariant()}; expected one");
        ImmutableArray<string> classes = hasTextTarget ? [.. targetTexts] : [.. targetNumbers.Select(Name)];
        return classes.Length >= 2 && (decided is not TableTask.Binary || classes.Length == 2)
            ? new(columns, targets, decided, classes)
            : throw new UserErrorException($"{file}: target '{targets[0]}' has {classes.Length} different value{(classes.Length == 1 ? "" : "s")}; expected {(decided is TableTask.Binary ? "2" : "2 or more")}");
    }

    /// <summary>A number as a class's name.</summary>
    public static string Name(double number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>What is known of one input column.</summary>
    private sealed class InputFit(TableColumn column)
    {
        private readonly SortedSet<string> used = new(StringComparer.Ordinal);
        private double sum, squares;
        private long count;

        private double Mean => count > 0 ? sum / count : 0;

        public void Add(string file, ReadOnlySpan<int> rows)
        {
            foreach (var row in rows)
            {
                if (column.IsMissing(row))
                    continue;
                count++;
                if (column.IsNumeric)
                    sum += column.Numbers[row];
                else
                    used.Add(column.Categories[column.Codes[row]]);
            }
            if (used.Count > MostCategories)
                throw new UserErrorException($"{file}: column '{column.Name}' has {used.Count} different values, expected at most {MostCategories}; leave it out with ignore={column.Name}");
        }

        public void AddDeviations(ReadOnlySpan<int> rows)
        {
            var mean = Mean;
            foreach (var row in rows)
            {
                if (column.IsNumeric && !column.IsMissing(row))
                    squares += (column.Numbers[row] - mean) * (column.Numbers[row] - mean);
            }
        }

        public ColumnEncoding Finish(bool standardize)
        {
            if (!column.IsNumeric)
                return new(column.Name, 0, 0, 1, [.. used]);
            var deviation = count > 0 ? Math.Sqrt(squares / count) : 0;
            return new(column.Name, Mean, standardize ? Mean : 0, standardize && deviation > 0 ? deviation : 1, null);
        }
    }
}
