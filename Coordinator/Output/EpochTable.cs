namespace DistTrain.Coordinator.Output;

/// <summary>The lines of a table with a line per epoch; in a narrow place it leaves out what matters least.</summary>
internal sealed class EpochTable
{
    private const int Gap = 2;

    private readonly List<Column> columns;

    /// <summary>Chooses the columns that fit into <paramref name="width"/>.</summary>
    public EpochTable(bool hasTest, int width)
    {
        List<Column> all =
        [
            new("epoch", 6, 0, e => $"{e.Epoch + 1}"),
            new("train loss", 10, 2, e => TextLines.Loss(e.TrainLoss)),
        ];
        if (hasTest) all.AddRange([new("test loss", 10, 3, e => TextLines.Loss(e.TestLoss)), new("accuracy", 8, 1, e => TextLines.Accuracy(e.TestAccuracy))]);
        all.Add(new("samples/s", 10, 4, e => TextLines.Count((long)e.SamplesPerSecond)));
        while (all.Count > 1 && all.Sum(c => c.Width + Gap) - Gap > width) all.Remove(all.MaxBy(c => c.Rank)!);
        columns = all;
    }

    /// <summary>The headings.</summary>
    public string Headings => Line(c => c.Name);

    /// <summary>An epoch.</summary>
    public string Row(RunEvent.EpochDone epoch) => Line(c => c.Text(epoch));

    private string Line(Func<Column, string> text) => string.Join(new string(' ', Gap), columns.Select(c => text(c).PadLeft(c.Width)));

    private sealed record Column(string Name, int Width, int Rank, Func<RunEvent.EpochDone, string> Text);
}
