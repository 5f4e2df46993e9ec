namespace DistTrain.Data;

/// <summary>Applies a <see cref="TableEncoding"/> to rows.</summary>
internal static class TableEncoder
{
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
            if (rows.Length > 0)
                EncodeInput(table.File, table.Column(column.Column), rows, column, inputs.AsSpan(start), width);
            start += column.Width;
        }
        var spec = SampleSpec.Float32(width);
        if (encoding.Task is TableTask.Regression)
        {
            var targets = new float[rows.Length * encoding.Targets.Length];
            for (var t = 0; t < encoding.Targets.Length && withTargets; t++)
            {
                var column = table.Column(encoding.Targets[t]);
                for (var i = 0; i < rows.Length; i++)
                {
                    var value = (float)column.Numbers[rows[i]];
                    targets[i * encoding.Targets.Length + t] = float.IsFinite(value) ? value
                        : throw new UserErrorException(FormattableString.Invariant($"{table.File}: target '{column.Name}' is {column.Numbers[rows[i]]}; expected finite numbers of at most {float.MaxValue}"));
                }
            }
            return new(name, inputs, spec, targets, SampleSpec.Float32(encoding.Targets.Length));
        }
        if (encoding.Task is TableTask.Classification)
            return new(name, inputs, spec, withTargets ? Labels(table, rows, encoding, 0) : new long[rows.Length], encoding.Classes.Length, encoding.Classes);
        var questions = encoding.Targets.Length;
        var answers = new float[rows.Length * questions];
        for (var t = 0; t < questions && withTargets; t++)
        {
            var labels = Labels(table, rows, encoding, t);
            for (var i = 0; i < labels.Length; i++)
                answers[i * questions + t] = labels[i];
        }
        return new(name, inputs, spec, answers, SampleSpec.Float32(questions));
    }

    private static void EncodeInput(string file, TableColumn column, int[] rows, ColumnEncoding encoding, Span<float> inputs, int stride)
    {
        if (encoding.Categories is not { } categories)
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var number = column.IsMissing(rows[i]) ? encoding.Missing : column.Numbers[rows[i]];
                var value = (float)((number - encoding.Shift) / encoding.Scale);
                inputs[i * stride] = float.IsFinite(value) ? value
                    : throw new UserErrorException(FormattableString.Invariant($"{file}: column '{column.Name}' is {number}; expected finite numbers of at most {float.MaxValue}"));
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

    private static long[] Labels(Table table, int[] rows, TableEncoding encoding, int target)
    {
        var column = table.Column(encoding.Targets[target]);
        var classes = encoding.ClassesOf(target);
        var labelOf = classes.Select((name, label) => (name, label)).ToDictionary(pair => pair.name, pair => (long)pair.label);
        var labels = new long[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            var name = column.IsNumeric ? TableFitter.Name(column.Numbers[rows[i]]) : column.Categories[column.Codes[rows[i]]];
            labels[i] = labelOf.TryGetValue(name, out var label) ? label
                : throw new UserErrorException($"{table.File}: target '{column.Name}' is {BadRows.Show(name)}; expected one of {string.Join(", ", classes.Take(20))}");
        }
        return labels;
    }
}
