using System.Collections.Immutable;
using System.Globalization;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>The metrics that there are, by task. Definitions are scikit-learn's: a ratio without a denominator is 0, and averages leave out classes that neither occur nor are predicted.</summary>
public static class MetricCatalog
{
    private const string TopK = "top-";

    private static readonly string[] Averages = ["", "-micro", "-weighted"];

    /// <summary>All names, for help.</summary>
    public const string Usage = "accuracy, top-<k>, precision, recall, f1 (each also -micro and -weighted), exact-match, roc-auc, perplexity, mae, mse, rmse, r2";

    /// <summary>The names that a task has.</summary>
    public static ImmutableArray<string> Names(MetricTask task) => task switch
    {
        MetricTask.Regression => ["mae", "mse", "rmse", "r2"],
        MetricTask.Binary => ["accuracy", "precision", "recall", "f1", "roc-auc"],
        MetricTask.MultiLabel => ["accuracy", "exact-match", .. Averaged("precision"), .. Averaged("recall"), .. Averaged("f1"), "roc-auc"],
        MetricTask.MultiClass => ["accuracy", "top-<k>", .. Averaged("precision"), .. Averaged("recall"), .. Averaged("f1"), "roc-auc", "perplexity"],
        MetricTask.Tokens => ["accuracy", "top-<k>", "perplexity"],
        _ => [],
    };

    /// <summary>What a task is measured by where nothing is asked for.</summary>
    public static ImmutableArray<string> Defaults(MetricTask task) => task switch
    {
        MetricTask.Regression => ["mae", "rmse", "r2"],
        MetricTask.Binary => ["accuracy", "precision", "recall", "f1", "roc-auc"],
        MetricTask.MultiLabel => ["accuracy", "exact-match", "f1", "f1-micro"],
        MetricTask.MultiClass => ["accuracy", "f1"],
        MetricTask.Tokens => ["accuracy", "perplexity"],
        _ => [],
    };

    /// <summary>Finds a metric.</summary>
    /// <param name="name">Its name; <c>-macro</c> is what a plain name means.</param>
    /// <param name="task">The task that it is for.</param>
    /// <exception cref="UserErrorException">The task has no such metric.</exception>
    public static Metric Find(string name, MetricTask task)
    {
        string plain = name.Trim().ToLowerInvariant().Replace('_', '-');
        if (plain.EndsWith("-macro", StringComparison.Ordinal)) plain = plain[..^"-macro".Length];
        var names = Names(task);
        if (names.Contains("top-<k>") && plain.StartsWith("top", StringComparison.Ordinal) && int.TryParse(plain[3..].TrimStart('-'), NumberStyles.None, CultureInfo.InvariantCulture, out int k) && k >= 1)
            return new Metric { Name = $"{TopK}{k}", Goal = MetricGoal.Max, Needs = MetricNeeds.Hits, K = k };
        if (!names.Contains(plain) || plain == "top-<k>")
        {
            string allowed = names.IsEmpty ? "none: the loss says nothing about what outputs mean" : string.Join(", ", names);
            throw new UserErrorException($"metric was '{name}', expected for {Describe(task)} one of {allowed}{Suggestion.Hint(plain, names)}");
        }
        return new Metric { Name = plain, Goal = plain is "perplexity" or "mae" or "mse" or "rmse" ? MetricGoal.Min : MetricGoal.Max, Needs = NeedsOf(plain, task) };
    }

    /// <summary>A task in words.</summary>
    public static string Describe(MetricTask task) => task switch
    {
        MetricTask.Regression => "regression",
        MetricTask.Binary => "yes or no",
        MetricTask.MultiLabel => "several labels",
        MetricTask.MultiClass => "classes",
        MetricTask.Tokens => "tokens",
        _ => "this loss",
    };

    private static MetricNeeds NeedsOf(string name, MetricTask task) => name switch
    {
        "mae" or "mse" or "rmse" or "r2" => MetricNeeds.Errors,
        "roc-auc" => MetricNeeds.Scores,
        "accuracy" when task is not MetricTask.MultiClass and not MetricTask.Binary => MetricNeeds.Nothing,
        "perplexity" => MetricNeeds.Nothing,
        _ => MetricNeeds.Counts,
    };

    private static IEnumerable<string> Averaged(string figure) => Averages.Select(average => figure + average);
}
