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

    /// <summary>The most bytes that one slice may take: Akka.Remote drops a message beyond 128,000 bytes without a word.</summary>
    private const int LargestSlice = 120_000;

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

    /// <summary>Targets of one sample: the tokens of a sequence; 1 for a class.</summary>
    public int TargetsOfSample { get; init; } = 1;

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

    private int BytesPerSlice => (int)BytesOf(Needs, Task, Outputs);

    /// <summary>Whether a confusion matrix is kept.</summary>
    internal bool HasMatrix => Task == MetricTask.MultiClass && Outputs is > 0 and <= MostClasses && Needs.HasFlag(MetricNeeds.Counts);

    /// <summary>Whether a model's outputs must be the data's classes: a confusion matrix and curves have a place for each.</summary>
    private bool TellsClassesApart => HasMatrix || (Task == MetricTask.MultiClass && Outputs > 0 && Needs.HasFlag(MetricNeeds.Scores));

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
        var needs = MetricNeeds.Nothing;
        foreach (string name in job.Metrics.IsEmpty ? MetricCatalog.Defaults(task) : job.Metrics) Add(name, isAsked: !job.Metrics.IsEmpty);
        if (job.EarlyStop is { Metric: not ("loss" or "train-loss") } early) Add(early.Metric, isAsked: true);
        return new MetricPlan
        {
            Task = task,
            Outputs = outputs,
            Metrics = [.. metrics],
            Names = NamesOf(job, task),
            TargetsOfSample = data.Targets.Length,
            IgnoredLabel = (job.Loss as ClassLoss)?.IgnoredLabel,
        };

        void Add(string name, bool isAsked)
        {
            var metric = MetricCatalog.Find(name, task);
            if (metrics.Any(known => known.Name == metric.Name)) return;
            if (Excess(metric, needs, task, outputs, tests) is { } excess)
            {
                if (isAsked) throw new UserErrorException(excess);
                return;
            }
            metrics.Add(metric);
            needs |= metric.Needs;
        }
    }

    /// <summary>A metric of the plan; null where it is not measured.</summary>
    public Metric? Find(string name) => Metrics.FirstOrDefault(metric => metric.Name == MetricCatalog.Find(name, Task).Name);

    /// <summary>The name of a class or label.</summary>
    internal string NameOf(int index) => index < Names.Length ? Names[index] : index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What is wrong with a model's outputs for these metrics; null for nothing.</summary>
    /// <param name="outputs">Outputs of one prediction.</param>
    internal string? Misfit(int outputs) => !TellsClassesApart || outputs == Outputs ? null
        : $"the model gives {outputs} outputs, expected {Outputs}: the data has so many classes, and {string.Join(", ", Metrics.Where(metric => metric.Needs is MetricNeeds.Counts or MetricNeeds.Scores))} must tell them apart; top-1 and perplexity need not";

    /// <summary>Bytes of what one slice found, in a message: whole numbers take up to 6 for each class and 6 for the four of a label, which count 256 samples in all.</summary>
    private static long BytesOf(MetricNeeds needs, MetricTask task, int outputs)
    {
        long hits = needs.HasFlag(MetricNeeds.Hits) ? 64 : 0;
        long counts = task is MetricTask.Binary or MetricTask.MultiLabel ? outputs * 6L : needs.HasFlag(MetricNeeds.Counts) ? JobPlan.EvaluationSlice * 6 : 0;
        long scores = needs.HasFlag(MetricNeeds.Scores) ? JobPlan.EvaluationSlice * outputs * 6L : 0;
        return needs == MetricNeeds.Nothing ? 0 : hits + counts + scores + (needs.HasFlag(MetricNeeds.Errors) ? outputs * 36L : 0);
    }

    private static string? Excess(Metric metric, MetricNeeds others, MetricTask task, int outputs, int tests)
    {
        if (metric.K > 0 && outputs > 0 && metric.K > outputs) return $"metric was '{metric.Name}', expected top-1 to top-{outputs}: there are {outputs} classes";
        if (metric.Needs == MetricNeeds.Counts && metric.Name != "accuracy" && task == MetricTask.MultiClass && outputs is 0 or > MostClasses)
            return $"metric {metric.Name} needs to know how many classes there are, at most {MostClasses}; the data has {outputs}";
        if (metric.Needs == MetricNeeds.Scores && (outputs is 0 or > MostScoredOutputs || (long)outputs * tests > MostScores))
            return $"metric {metric.Name} keeps every score to be exact: at most {MostScoredOutputs} outputs and {MostScores} scores; the test data has {outputs} outputs for {tests} samples";
        if (metric.Needs == MetricNeeds.Errors && outputs > MostColumns) return $"metric {metric.Name} is computed for at most {MostColumns} numbers of a sample, the data has {outputs}";
        if (BytesOf(metric.Needs | others, task, outputs) is var bytes and > LargestSlice)
            return $"metric {metric.Name} takes {bytes} bytes for each {JobPlan.EvaluationSlice} samples with {outputs} outputs, more than the {LargestSlice} that one message carries";
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
