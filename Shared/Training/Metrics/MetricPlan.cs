using System.Collections.Immutable;
using DistTrain.Nn;

namespace DistTrain.Training;

/// <summary>What a job measures on its test split: a pure function of the job, known to workers, which gather, and to the coordinator, which sums.</summary>
public sealed record MetricPlan
{
    /// <summary>The most classes that a confusion matrix is kept of.</summary>
    public const int MostClasses = 1000;

    /// <summary>The most outputs whose scores are gathered, and the most scores in all: an exact ROC curve needs every one of them.</summary>
    public const int MostScoredOutputs = 64, MostScores = 1 << 21;

    private const int MostColumns = 1024, LargestReport = 64_000;

    /// <summary>Nothing but loss and the share of right predictions.</summary>
    public static readonly MetricPlan None = new() { Task = MetricTask.None, Outputs = 0, Metrics = [] };

    /// <summary>What outputs mean.</summary>
    public required MetricTask Task { get; init; }

    /// <summary>Classes, labels, or numbers of one sample.</summary>
    public required int Outputs { get; init; }

    /// <summary>What is measured, in the order to show it.</summary>
    public required ImmutableArray<Metric> Metrics { get; init; }

    /// <summary>Names of classes, labels or numbers; empty where they have none.</summary>
    public ImmutableArray<string> Names { get; init; } = [];

    /// <summary>The label that does not count; null for none.</summary>
    public int? IgnoredLabel { get; init; }

    /// <summary>Whether the share of right predictions means something.</summary>
    public bool HasAccuracy => Task is not MetricTask.Regression and not MetricTask.None;

    /// <summary>The k of all <c>top-k</c>.</summary>
    internal ImmutableArray<int> TopK => [.. Metrics.Where(metric => metric.K > 0).Select(metric => metric.K).Distinct()];

    /// <summary>All that has to be gathered.</summary>
    internal MetricNeeds Needs => Metrics.Aggregate(MetricNeeds.Nothing, (needs, metric) => needs | metric.Needs);

    /// <summary>Whether anything has to be gathered beside loss and right predictions.</summary>
    public bool IsDetailed => Needs != MetricNeeds.Nothing;

    /// <summary>Evaluation slices whose findings fit into one message.</summary>
    public int SlicesPerReport => Math.Max(1, LargestReport / (64 + BytesPerSlice));

    private int BytesPerSlice =>
        (Needs.HasFlag(MetricNeeds.Counts) ? (Task == MetricTask.MultiClass ? JobPlan.EvaluationSlice * 6 : Outputs * 16) : 0)
        + (Needs.HasFlag(MetricNeeds.Scores) ? JobPlan.EvaluationSlice * Outputs * 6 : 0)
        + (Needs.HasFlag(MetricNeeds.Errors) ? Outputs * 36 : 0);

    /// <summary>Finds what a job measures.</summary>
    /// <exception cref="UserErrorException">A metric is unknown, or is not one for the job's loss or for so much data.</exception>
    public static MetricPlan Of(TrainingJob job)
    {
        var data = job.Data.Train;
        var task = job.Loss.Task switch
        {
            LearningTask.Regression => MetricTask.Regression,
            LearningTask.Labels => data.Targets.Length == 1 ? MetricTask.Binary : MetricTask.MultiLabel,
            LearningTask.Classes => data.Targets.Shape.IsEmpty ? MetricTask.MultiClass : MetricTask.Tokens,
            _ => MetricTask.None,
        };
        int outputs = task is MetricTask.MultiClass or MetricTask.Tokens ? data.Classes : task == MetricTask.None ? 0 : data.Targets.Length;
        int tests = job.Data.Test?.Count ?? 0;
        var metrics = new List<Metric>();
        foreach (string name in job.Metrics.IsEmpty ? MetricCatalog.Defaults(task) : job.Metrics) Add(name, isAsked: !job.Metrics.IsEmpty);
        if (job.EarlyStop is { Metric: not ("loss" or "train-loss") } early) Add(early.Metric, isAsked: true);
        return new MetricPlan
        {
            Task = task,
            Outputs = outputs,
            Metrics = [.. metrics],
            Names = NamesOf(job, task),
            IgnoredLabel = (job.Loss as ClassLoss)?.IgnoredLabel,
        };

        void Add(string name, bool isAsked)
        {
            var metric = MetricCatalog.Find(name, task);
            if (metrics.Any(known => known.Name == metric.Name)) return;
            if (Excess(metric, task, outputs, tests) is not { } excess) metrics.Add(metric);
            else if (isAsked) throw new UserErrorException(excess);
        }
    }

    /// <summary>A metric of the plan; null where it is not measured.</summary>
    public Metric? Find(string name) => Metrics.FirstOrDefault(metric => metric.Name == MetricCatalog.Find(name, Task).Name);

    /// <summary>The name of a class or label.</summary>
    internal string NameOf(int index) => index < Names.Length ? Names[index] : index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string? Excess(Metric metric, MetricTask task, int outputs, int tests)
    {
        if (metric.K > 0 && outputs > 0 && metric.K > outputs) return $"metric was '{metric.Name}', expected top-1 to top-{outputs}: there are {outputs} classes";
        if (metric.Needs == MetricNeeds.Counts && metric.Name != "accuracy" && task == MetricTask.MultiClass && outputs is 0 or > MostClasses)
            return $"metric {metric.Name} needs to know how many classes there are, at most {MostClasses}; the data has {outputs}";
        if (metric.Needs == MetricNeeds.Scores && (outputs is 0 or > MostScoredOutputs || (long)outputs * tests > MostScores))
            return $"metric {metric.Name} keeps every score to be exact: at most {MostScoredOutputs} outputs and {MostScores} scores; the test data has {outputs} outputs for {tests} samples";
        if (metric.Needs == MetricNeeds.Errors && outputs > MostColumns) return $"metric {metric.Name} is computed for at most {MostColumns} numbers of a sample, the data has {outputs}";
        return null;
    }

    private static ImmutableArray<string> NamesOf(TrainingJob job, MetricTask task) => task switch
    {
        MetricTask.MultiClass when job.Data.Train.ClassNames is { } names => [.. names],
        MetricTask.Binary when job.Data.Encoding is { Classes.Length: 2 } encoding => encoding.Classes,
        MetricTask.Binary => ["0", "1"],
        MetricTask.MultiLabel or MetricTask.Regression when job.Data.Encoding is { } encoding => encoding.Targets,
        _ => [],
    };
}
