using System.Collections.Immutable;

namespace DistTrain.Data;

/// <summary>The options that every kind of table takes.</summary>
internal sealed record TableOptions(
    string Name, string? TestFile, ImmutableArray<string> Targets, string[] Ignored, string[] Categorical, string[] Numeric, TableTask? Task, bool Standardize, bool SkipBadRows, HoldOut HoldOut)
{
    private static readonly DataOption Kind =
        new("task", "what the target is: auto (default), classification, regression or binary; auto takes text, or at most 20 different whole numbers, for classes, and several targets for numbers, or for yes and no where one of them is text of two values") { Words = ["auto", "classification", "regression", "binary"] };
    private static readonly DataOption Standardizes =
        new("standardize", "yes (default) to shift and scale numeric inputs to mean 0 and deviation 1 of the training rows, or no") { Words = ["yes", "no"] };

    /// <summary>What they are.</summary>
    public static ImmutableArray<DataOption> Known =>
    [
        new("target", "the target column, or several with commas between them (default: the last column)"),
        Kind,
        new("ignore", "columns to leave out"),
        new("categorical", "columns to take as categories although they hold numbers"),
        new("numeric", "columns to take as numbers; by default those where more than half of the first 1000 values are"),
        Standardizes,
        BadRows.Option,
        new("test-file", "a file of rows to test on, with the same columns", IsPath: true),
        .. HoldOut.Options,
    ];

    /// <summary>Reads them.</summary>
    public static TableOptions Of(DataSpec spec)
    {
        var task = spec.Choice(Kind);
        return new(
            Path.GetFileName(spec.Path),
            spec.Text("test-file"),
            [.. spec.Names("target")],
            spec.Names("ignore"),
            spec.Names("categorical"),
            spec.Names("numeric"),
            task == "auto" ? null : Enum.Parse<TableTask>(task, ignoreCase: true),
            spec.Choice(Standardizes) == "yes",
            spec.Choice(BadRows.Option) == "skip",
            HoldOut.Of(spec));
    }

    /// <summary>Whether a column was said to be numeric or not; null where nothing was said. Text can never be malformed, so what is ignored is read as text.</summary>
    public bool? KindOf(string column) => Numeric.Contains(column) ? true : Categorical.Contains(column) || Ignored.Contains(column) ? false : null;

    /// <summary>Makes the two parts of a job's data from the tables read.</summary>
    /// <param name="table">The rows; all of them are for training where there is a test table.</param>
    /// <param name="test">The test table, where a file was given.</param>
    /// <param name="targets">The target columns.</param>
    public DataSplit Split(Table table, Table? test, ImmutableArray<string> targets)
    {
        CheckNames(table);
        var all = Enumerable.Range(0, table.Rows).ToArray();
        var (trainRows, heldRows) = test is null ? HoldOut.Choose(table.File, table.Rows) : (all, []);
        var fitter = new TableFitter(table.File, targets, Ignored, Task, Standardize);
        fitter.AddTargets(table);
        if (test is not null)
            fitter.AddTargets(test);
        fitter.AddInputs(table, trainRows);
        fitter.AddDeviations(trainRows);
        var encoding = fitter.Finish();
        var train = TableEncoder.Encode($"{Name}, training rows", table, trainRows, encoding);
        var testRows = test is null ? heldRows : Enumerable.Range(0, test.Rows).ToArray();
        var held = testRows.Length == 0 ? null : TableEncoder.Encode($"{Name}, test rows", test ?? table, testRows, encoding);
        return new(Name, train, held) { Encoding = encoding, Notices = [.. ((string?[])[table.Notice, test?.Notice]).OfType<string>()] };
    }

    /// <summary>Checks that the columns named are there.</summary>
    public void CheckNames(Table table)
    {
        foreach (var name in (IEnumerable<string>)[.. Ignored, .. Categorical, .. Numeric])
            table.Column(name);
    }
}
