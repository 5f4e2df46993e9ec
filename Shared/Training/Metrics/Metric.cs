using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>What a job's outputs mean to metrics.</summary>
public enum MetricTask
{
    /// <summary>Nothing that metrics know.</summary>
    None,

    /// <summary>Numbers.</summary>
    Regression,

    /// <summary>Yes or no, from one logit.</summary>
    Binary,

    /// <summary>Several labels at once, each yes or no.</summary>
    MultiLabel,

    /// <summary>One class of several.</summary>
    MultiClass,

    /// <summary>A token at each place of a sequence.</summary>
    Tokens,
}

/// <summary>What has to be gathered for a metric.</summary>
[Flags]
internal enum MetricNeeds
{
    Nothing = 0,

    /// <summary>How often each class was taken for each.</summary>
    Counts = 1,

    /// <summary>Every sample's scores.</summary>
    Scores = 2,

    /// <summary>How often the right class was among the first k.</summary>
    Hits = 4,

    /// <summary>Sums of errors.</summary>
    Errors = 8,
}

/// <summary>How figures of classes become one.</summary>
internal enum Averaging
{
    Macro,
    Micro,
    Weighted,
}

/// <summary>A figure that tells how good a model is.</summary>
public sealed record Metric
{
    /// <summary>Its name, as options write it: <c>f1-micro</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Its name in events and files: <c>f1_micro</c>.</summary>
    public string Key => Name.Replace('-', '_');

    /// <summary>Which way is better.</summary>
    public required MetricGoal Goal { get; init; }

    /// <summary>Whether it is a share in [0, 1].</summary>
    public bool IsShare => Goal == MetricGoal.Max && Name != "r2";

    /// <summary>For <c>top-k</c>, the k; else 0.</summary>
    public int K { get; init; }

    /// <summary>What it is computed from.</summary>
    internal MetricNeeds Needs { get; init; }

    /// <summary>The figure without its averaging: <c>f1</c>.</summary>
    internal string Figure => Name.Split('-')[0];

    /// <summary>How it averages classes.</summary>
    internal Averaging Average => Name.EndsWith("-micro", StringComparison.Ordinal) ? Averaging.Micro : Name.EndsWith("-weighted", StringComparison.Ordinal) ? Averaging.Weighted : Averaging.Macro;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
