using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>Sums what slices found, in slice order, and makes metrics of it.</summary>
public sealed class MetricTotals(MetricPlan plan)
{
    private readonly ImmutableArray<int> ks = plan.TopK;
    private readonly bool isCounted = plan.Needs.HasFlag(MetricNeeds.Counts);
    private readonly long[] hits = new long[plan.TopK.Length];
    private readonly long[] counts = new long[Cells(plan)];
    private readonly ErrorSum[] errors = [.. Enumerable.Range(0, plan.Needs.HasFlag(MetricNeeds.Errors) ? plan.Outputs : 0).Select(_ => new ErrorSum())];
    private readonly List<float> scores = [];
    private readonly List<int> labels = [];
    private long rows, right;

    /// <summary>Why a slice cannot have found this; null where it can.</summary>
    public static string? Refusal(MetricPlan plan, int samples, SliceDetail found)
    {
        bool isClasses = plan.Task is MetricTask.MultiClass or MetricTask.Tokens;
        long outputs = plan.Outputs, most = (long)samples * plan.TargetsOfSample;
        if (isClasses ? found.Rows < 0 || found.Rows > most : found.Rows != samples) return $"{found.Rows} samples, expected {(isClasses ? $"at most {most}" : $"{samples}")}";
        if (plan.Needs.HasFlag(MetricNeeds.Errors) && found.Sums.Length != 4 * outputs) return $"{found.Sums.Length} sums, expected {4 * outputs}";
        long scores = plan.Needs.HasFlag(MetricNeeds.Scores) ? found.Rows * outputs : 0, labels = isClasses && scores > 0 ? found.Rows : scores;
        if (found.Scores.Length != scores || found.Labels.Length != labels) return $"{found.Scores.Length} scores of {found.Labels.Length} labels, expected {scores} of {labels}";
        if (found.Labels.Any(label => label < 0 || label >= (isClasses ? outputs : 2))) return "a label out of range";
        return plan.Task == MetricTask.Regression ? null : isClasses ? RefusalOfClasses(plan, found) : RefusalOfLabels(plan, found);
    }

    /// <summary>Hits, and pairs of a cell of the confusion matrix and how often: where there is no matrix, no pairs.</summary>
    private static string? RefusalOfClasses(MetricPlan plan, SliceDetail found)
    {
        int hits = plan.TopK.Length, cells = Cells(plan);
        if (found.Counts.Length < hits || (found.Counts.Length - hits) % 2 != 0 || (cells == 0 && found.Counts.Length > hits)) return $"{found.Counts.Length} counts";
        for (int i = 0; i < hits; i++)
            if (found.Counts[i] < 0 || found.Counts[i] > found.Rows) return $"{found.Counts[i]} hits in {found.Rows} samples";
        long left = found.Rows;
        for (int i = hits; i < found.Counts.Length; i += 2)
        {
            if (found.Counts[i] < 0 || found.Counts[i] >= cells) return "a class out of range";
            if (found.Counts[i + 1] < 0 || found.Counts[i + 1] > left) return $"a class {found.Counts[i + 1]} times, of {left} samples that are left";
            left -= found.Counts[i + 1];
        }
        return cells > 0 && left > 0 ? $"{left} samples without a class" : null;
    }

    /// <summary>Four numbers for each label, which sum up to the samples, and the samples that are right in all.</summary>
    private static string? RefusalOfLabels(MetricPlan plan, SliceDetail found)
    {
        if (found.Counts.Length != 4L * plan.Outputs + 1) return $"{found.Counts.Length} counts, expected {4L * plan.Outputs + 1}";
        if (found.Counts.Any(count => count < 0 || count > found.Rows)) return $"a count out of range, expected 0 to {found.Rows}";
        for (int i = 0; i + 1 < found.Counts.Length; i += 4)
            if (found.Counts[i] + found.Counts[i + 1] + found.Counts[i + 2] + found.Counts[i + 3] != found.Rows) return $"counts of label {i / 4} that are not those of {found.Rows} samples";
        return null;
    }

    /// <summary>Adds a slice.</summary>
    public void Add(SliceDetail found)
    {
        rows += found.Rows;
        switch (plan.Task)
        {
            case MetricTask.MultiClass or MetricTask.Tokens:
                for (int k = 0; k < hits.Length; k++) hits[k] += found.Counts[k];
                for (int i = hits.Length; i < found.Counts.Length; i += 2) counts[found.Counts[i]] += found.Counts[i + 1];
                break;
            case MetricTask.Binary or MetricTask.MultiLabel:
                for (int i = 0; i < counts.Length; i++) counts[i] += found.Counts[i];
                right += found.Counts[^1];
                break;
            default:
                for (int j = 0; j < errors.Length; j++) errors[j].Add(found.Rows, found.Sums.AsSpan(4 * j, 4));
                break;
        }
        scores.AddRange(found.Scores);
        labels.AddRange(found.Labels);
    }

    /// <summary>The metrics.</summary>
    /// <param name="loss">The mean loss.</param>
    /// <param name="accuracy">The share of right predictions; null where that means nothing.</param>
    public MetricReport Report(double loss, double? accuracy)
    {
        var classes = isCounted ? Figures() : [];
        return new MetricReport([.. plan.Metrics.Select(metric => new MetricValue(metric, Value(metric, classes, loss, accuracy)))], Confusion(), [.. classes.Select(figure => figure.ToFigures())]);
    }

    private static int Cells(MetricPlan plan) => !plan.Needs.HasFlag(MetricNeeds.Counts) && plan.Task is not MetricTask.Binary and not MetricTask.MultiLabel ? 0
        : plan.Task == MetricTask.MultiClass && plan.Outputs <= MetricPlan.MostClasses ? plan.Outputs * plan.Outputs
        : plan.Task is MetricTask.Binary or MetricTask.MultiLabel ? 4 * plan.Outputs
        : 0;

    private double Value(Metric metric, ImmutableArray<Tally> classes, double loss, double? accuracy) => metric.Figure switch
    {
        "accuracy" => accuracy ?? double.NaN,
        "perplexity" => Math.Exp(loss),
        "top" => rows == 0 ? double.NaN : (double)hits[ks.IndexOf(metric.K)] / rows,
        "exact" => rows == 0 ? double.NaN : (double)right / rows,
        "roc" => Auc(),
        "mae" => Mean(errors.Select(e => e.Absolute / e.Count)),
        "mse" => Mean(errors.Select(e => e.Squares / e.Count)),
        "rmse" => Mean(errors.Select(e => Math.Sqrt(e.Squares / e.Count))),
        "r2" => Mean(errors.Select(e => e.Determination)),
        _ => Tally.Average(Averaged(classes), metric.Figure, metric.Average),
    };

    /// <summary>What is averaged over: for yes or no the yes; of several classes those that occur or are predicted, as in scikit-learn.</summary>
    private ImmutableArray<Tally> Averaged(ImmutableArray<Tally> classes) => plan.Task switch
    {
        MetricTask.Binary => [classes[1]],
        MetricTask.MultiClass => [.. classes.Where(one => one.IsSeen)],
        _ => classes,
    };

    private ImmutableArray<Tally> Figures()
    {
        int n = plan.Outputs;
        if (plan.Task == MetricTask.Binary) return [new(plan.NameOf(0), counts[3], counts[2], counts[1]), new(plan.NameOf(1), counts[0], counts[1], counts[2])];
        if (plan.Task == MetricTask.MultiLabel) return [.. Enumerable.Range(0, n).Select(j => new Tally(plan.NameOf(j), counts[4 * j], counts[4 * j + 1], counts[4 * j + 2]))];
        if (counts.Length == 0) return [];
        var rowSums = new long[n];
        var columnSums = new long[n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                rowSums[i] += counts[i * n + j];
                columnSums[j] += counts[i * n + j];
            }
        }
        return [.. Enumerable.Range(0, n).Select(c => new Tally(plan.NameOf(c), counts[c * n + c], columnSums[c] - counts[c * n + c], rowSums[c] - counts[c * n + c]))];
    }

    private ConfusionMatrix? Confusion()
    {
        if (!isCounted) return null;
        if (plan.Task == MetricTask.Binary) return new ConfusionMatrix([plan.NameOf(0), plan.NameOf(1)], [counts[3], counts[1], counts[2], counts[0]]);
        return plan.Task == MetricTask.MultiClass && counts.Length > 0 ? new ConfusionMatrix([.. Enumerable.Range(0, plan.Outputs).Select(plan.NameOf)], [.. counts]) : null;
    }

    /// <summary>Each class against the rest, the mean over those that have samples on both sides.</summary>
    private double Auc()
    {
        bool isClasses = plan.Task == MetricTask.MultiClass;
        int outputs = plan.Outputs, samples = scores.Count / outputs;
        var areas = new List<double>();
        var one = new float[samples];
        var positive = new bool[samples];
        for (int c = 0; c < outputs; c++)
        {
            for (int i = 0; i < samples; i++) (one[i], positive[i]) = (scores[i * outputs + c], isClasses ? labels[i] == c : labels[i * outputs + c] == 1);
            double area = RocAuc.Of(one, positive);
            if (!double.IsNaN(area)) areas.Add(area);
        }
        return Mean(areas);
    }

    private static double Mean(IEnumerable<double> values)
    {
        double sum = 0;
        int count = 0;
        foreach (double value in values) (sum, count) = (sum + value, count + 1);
        return sum / count;
    }
}
