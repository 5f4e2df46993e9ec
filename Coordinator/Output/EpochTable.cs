using DistTrain.Training;

namespace DistTrain.Coordinator.Output;

/// <summary>The lines of a table with a line per epoch; in a narrow place it leaves out what matters least.</summary>
internal sealed class EpochTable
{
    private const int Gap = 2, MostMetrics = 6;

    private readonly List<Column> columns;

    /// <summary>Chooses the columns that fit into <paramref name="width"/>.</summary>
    /// <param name="hasTest">Whether there is a test split.</param>
    /// <param name="width">The characters of a line.</param>
    /// <param name="metrics">What is measured; null for the share of right predictions.</param>
    public EpochTable(bool hasTest, int width, MetricPlan? metrics = null)
    {
        List<Column> all =
        [
            new("epoch", 6, 0, e => $"{e.Epoch + 1}"),
            new("train loss", 10, 2, e => TextLines.Loss(e.TrainLoss)),
        ];
        if (hasTest)
        {
            all.Add(new("test loss", 10, 3, e => TextLines.Loss(e.TestLoss)));
            if (metrics is null) all.Add(new("accuracy", 8, 1, e => TextLines.Accuracy(e.TestAccuracy)));
            foreach (var (metric, i) in (metrics?.Metrics ?? []).Take(MostMetrics).Select((metric, i) => (metric, i)))
                all.Add(new(metric.Name, Math.Max(8, metric.Name.Length), i == 0 ? 1 : 5 + i, e => TextLines.Metric(metric, e.Metrics?[metric.Name])));
        }
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
