using System.Collections.Immutable;
using System.Globalization;
using DistTrain.Training;

namespace DistTrain.Coordinator.Runs;

/// <summary><c>metrics.csv</c>: a line for each epoch, there as soon as the epoch is done. A run that goes on in the same folder keeps the lines of the epochs before.</summary>
internal sealed class MetricsFile
{
    private const string Prefix = "test_";

    private readonly string path;
    private readonly ImmutableArray<string> metrics;
    private readonly List<EpochRow> rows = [];
    private bool isBegun;

    /// <summary>Reads what an earlier run left, if it measured the same.</summary>
    /// <param name="path">The file.</param>
    /// <param name="plan">What is measured.</param>
    /// <param name="isResumed">Whether earlier epochs belong to this run.</param>
    public MetricsFile(string path, MetricPlan plan, bool isResumed)
    {
        this.path = path;
        metrics = [.. plan.Metrics.Select(metric => metric.Key)];
        if (isResumed && File.Exists(path)) rows.AddRange(Read());
    }

    /// <summary>The epochs so far.</summary>
    public IReadOnlyList<EpochRow> Rows => rows;

    private string Header => string.Join(',', ["epoch", "step", "train_loss", "train_accuracy", "test_loss", .. metrics.Select(name => Prefix + name), "learning_rate", "samples_per_s", "best"]);

    /// <summary>Adds an epoch; those of the same or a later number are of a run before the one that goes on.</summary>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public void Add(EpochRow row)
    {
        isBegun &= rows.RemoveAll(old => old.Epoch >= row.Epoch) == 0;
        rows.Add(row);
        if (isBegun) File.AppendAllLines(path, [Line(row)]);
        else File.WriteAllLines(path, [Header, .. rows.Select(Line)]);
        isBegun = true;
    }

    private string Line(EpochRow row) => string.Join(',', [
        row.Epoch.ToString(CultureInfo.InvariantCulture),
        row.Step.ToString(CultureInfo.InvariantCulture),
        Text(row.TrainLoss),
        Text(row.TrainAccuracy),
        Text(row.TestLoss),
        .. metrics.Select(name => Text(row.Metrics.TryGetValue(name, out double value) ? value : null)),
        Text(row.LearningRate),
        Text(Math.Round(row.SamplesPerSecond, 1)),
        row.IsBest ? "1" : "0"]);

    /// <summary>Empty for what there is none of.</summary>
    private static string Text(double? value) => value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "";

    private List<EpochRow> Read()
    {
        var found = new List<EpochRow>();
        string[] lines = File.ReadAllLines(path);
        if (lines.Length == 0 || lines[0] != Header) return found;
        foreach (string line in lines.Skip(1))
        {
            string[] parts = line.Split(',');
            if (parts.Length != metrics.Length + 8 || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out int epoch) || !long.TryParse(parts[1], CultureInfo.InvariantCulture, out long step)) return [];
            var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
            for (int i = 0; i < metrics.Length; i++)
                if (Number(parts[5 + i]) is { } value) values[metrics[i]] = value;
            found.Add(new EpochRow(epoch, step, Number(parts[2]) ?? double.NaN, Number(parts[3]), Number(parts[4]), values.ToImmutable(), Number(parts[^3]) ?? double.NaN, Number(parts[^2]) ?? 0, parts[^1] == "1"));
        }
        return found;
    }

    private static double? Number(string text) => double.TryParse(text, CultureInfo.InvariantCulture, out double value) ? value : null;
}
