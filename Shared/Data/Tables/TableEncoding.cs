using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace DistTrain.Data;

/// <summary>What a table's target is to a model.</summary>
public enum TableTask
{
    /// <summary>One of several classes: int64 <c>[]</c>.</summary>
    Classification,

    /// <summary>Numbers: float32 <c>[n]</c>.</summary>
    Regression,

    /// <summary>Yes or no, of each target: float32 <c>[n]</c>, 0 or 1.</summary>
    Binary,
}

/// <summary>How a column becomes inputs.</summary>
/// <param name="Column">The column's name.</param>
/// <param name="Missing">What stands in for a missing number: the training rows' mean.</param>
/// <param name="Shift">What is subtracted from numbers.</param>
/// <param name="Scale">What numbers are divided by after that.</param>
/// <param name="Categories">The categories, each an input that is 1 for its rows and 0 for others; null for a column of numbers.</param>
public sealed record ColumnEncoding(string Column, double Missing, double Shift, double Scale, ImmutableArray<string>? Categories)
{
    /// <summary>The number of inputs that the column makes.</summary>
    [JsonIgnore]
    public int Width => Categories?.Length ?? 1;
}

/// <summary>
/// How a table becomes inputs and targets, found from the training rows alone, so that other rows (a test file, rows to predict) can be treated the same.
/// </summary>
/// <param name="Inputs">The input columns, in order.</param>
/// <param name="Targets">The target columns.</param>
/// <param name="Task">What the target is.</param>
/// <param name="Classes">The classes' names by label; for <see cref="TableTask.Binary"/> the values that mean 0 and 1, of one target after the other; empty for regression.</param>
public sealed record TableEncoding(ImmutableArray<ColumnEncoding> Inputs, ImmutableArray<string> Targets, TableTask Task, ImmutableArray<string> Classes)
{
    /// <summary>The names of a target's classes, by label.</summary>
    internal ImmutableArray<string> ClassesOf(int target) => Task is TableTask.Binary ? Classes.Slice(2 * target, 2) : Classes;

    /// <summary>How other rows' columns are to be read: as numbers, as categories (what is not used is, so that nothing in it can be wrong), or by their values.</summary>
    internal bool? KindOf(string column)
    {
        if (Targets.Contains(column))
            return Task is TableTask.Regression ? true : null;
        return Inputs.FirstOrDefault(input => input.Column == column) is { Categories: null };
    }

    /// <summary>Inputs of one row.</summary>
    [JsonIgnore]
    public int Width => Inputs.Sum(column => column.Width);

    /// <summary>The inputs' names: a column's, or <c>column=category</c>.</summary>
    [JsonIgnore]
    public IEnumerable<string> InputNames => Inputs.SelectMany(column =>
        column.Categories is { } categories ? categories.Select(category => $"{column.Column}={category}") : [column.Column]);
}
