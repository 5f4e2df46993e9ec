namespace DistTrain.Data;

/// <summary>A column of a table: numbers with NaN where one is missing, or categories by code with -1 where one is missing.</summary>
internal sealed class TableColumn(string name, bool isNumeric)
{
    private readonly Dictionary<string, int> codeOf = new(StringComparer.Ordinal);

    public string Name => name;

    public bool IsNumeric => isNumeric;

    /// <summary>The numbers by row, where the column is numeric.</summary>
    public List<double> Numbers { get; } = [];

    /// <summary>The categories' codes by row, where it is not.</summary>
    public List<int> Codes { get; } = [];

    /// <summary>The categories by code, in the order of their first row.</summary>
    public List<string> Categories { get; } = [];

    public bool IsMissing(int row) => isNumeric ? double.IsNaN(Numbers[row]) : Codes[row] < 0;

    /// <summary>Forgets the rows, for those that follow; categories keep their codes.</summary>
    public void Clear()
    {
        Numbers.Clear();
        Codes.Clear();
    }

    /// <summary>The code of a category, new or not.</summary>
    public int Code(ReadOnlySpan<char> category)
    {
        var lookup = codeOf.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!lookup.TryGetValue(category, out var code))
        {
            code = Categories.Count;
            var text = category.ToString();
            Categories.Add(text);
            codeOf.Add(text, code);
        }
        return code;
    }
}

/// <summary>Rows of named columns, all in memory.</summary>
/// <param name="File">Where they come from.</param>
/// <param name="Columns">The columns.</param>
/// <param name="Rows">The number of rows.</param>
/// <param name="Notice">What a user should be told of rows left out; null for nothing.</param>
internal sealed record Table(string File, IReadOnlyList<TableColumn> Columns, int Rows, string? Notice)
{
    /// <summary>A column by its name.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public TableColumn Column(string name) => Columns.FirstOrDefault(column => column.Name == name)
        ?? throw new UserErrorException($"{File}: no column '{name}'; there are {string.Join(", ", Columns.Select(column => column.Name))}");
}
