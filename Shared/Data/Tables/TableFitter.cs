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

    private readonly TargetFit[] fits = [.. targets.Select(_ => new TargetFit())];
    private readonly List<InputFit> inputs = [];

    /// <summary>The first look: at the targets of rows for training and testing.</summary>
    public void AddTargets(Table table)
    {
        for (var t = 0; t < targets.Length; t++)
            fits[t].Add(table.Column(targets[t]), table.Rows, task);
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
        var decided = task ?? Usual();
        if (decided is TableTask.Regression)
        {
            return Array.FindIndex(fits, fit => fit.IsText) is >= 0 and var text
                ? throw new UserErrorException($"{file}: target '{targets[text]}' holds categories such as {BadRows.Show(fits[text].Values[0])}; expected numbers for regression{(targets.Length > 1 ? ", or two different values in each target for task=binary" : "")}")
                : new(columns, targets, TableTask.Regression, []);
        }
        if (decided is TableTask.Classification && targets.Length > 1)
            throw new UserErrorException($"{file}: {targets.Length} target columns for classification; expected one");
        for (var t = 0; t < targets.Length; t++)
        {
            var count = fits[t].Values.Length;
            if (count < 2 || (decided is TableTask.Binary && count > 2))
                throw new UserErrorException($"{file}: target '{targets[t]}' has {count} different value{(count == 1 ? "" : "s")}; expected {(decided is TableTask.Binary ? "2" : "2 or more")}");
        }
        return new(columns, targets, decided, [.. fits.SelectMany(fit => fit.Values)]);
    }

    /// <summary>What targets usually are: one is classes where its values are few, and several are numbers, or labels where one of them is text of two values.</summary>
    private TableTask Usual() => targets.Length == 1
        ? fits[0].IsNumbers ? TableTask.Regression : TableTask.Classification
        : fits.Any(fit => fit.IsText) && fits.All(fit => !fit.IsNumbers && fit.Values.Length == 2) ? TableTask.Binary : TableTask.Regression;

    /// <summary>A number as a class's name.</summary>
    public static string Name(double number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>What is known of one target column.</summary>
    private sealed class TargetFit
    {
        private readonly SortedSet<double> numbers = [];
        private readonly SortedSet<string> texts = new(StringComparer.Ordinal);

        public bool IsText { get; private set; }

        /// <summary>Whether it is numbers rather than classes: fractions, or many.</summary>
        public bool IsNumbers { get; private set; }

        /// <summary>Its different values, in order.</summary>
        public string[] Values => IsText ? [.. texts] : [.. numbers.Select(Name)];

        public void Add(TableColumn column, int rows, TableTask? task)
        {
            IsText |= !column.IsNumeric;
            if (!column.IsNumeric)
                texts.UnionWith(column.Categories);
            for (var row = 0; row < rows && column.IsNumeric && !IsNumbers && task is not TableTask.Regression; row++)
            {
                var number = column.Numbers[row];
                numbers.Add(number);
                IsNumbers = task is null && (number != Math.Floor(number) || numbers.Count > MostNumericClasses);
            }
        }
    }

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
