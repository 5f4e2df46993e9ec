using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>A metric's value.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Value">Its value; NaN where the data has none, such as the area under a ROC curve of one class alone.</param>
public readonly record struct MetricValue(Metric Metric, double Value);

/// <summary>Figures of one class or label.</summary>
/// <param name="Name">Its name, or its number.</param>
/// <param name="Precision">The share of predictions of it that are right.</param>
/// <param name="Recall">The share of its samples that are found.</param>
/// <param name="F1">2 · precision · recall / (precision + recall).</param>
/// <param name="Support">Its samples.</param>
public sealed record ClassFigures(string Name, double Precision, double Recall, double F1, long Support);

/// <summary>How often each class was taken for each.</summary>
/// <param name="Names">The classes' names.</param>
/// <param name="Counts">Row by row: row is the true class, column the predicted one.</param>
public sealed record ConfusionMatrix(ImmutableArray<string> Names, ImmutableArray<long> Counts)
{
    /// <summary>The number of samples of class <paramref name="actual"/> that were taken for <paramref name="predicted"/>.</summary>
    public long this[int actual, int predicted] => Counts[actual * Names.Length + predicted];
}

/// <summary>What an evaluation found besides the loss.</summary>
/// <param name="Values">The metrics, in the plan's order.</param>
/// <param name="Confusion">The confusion matrix, for one class of several and for yes or no; null for other tasks.</param>
/// <param name="Classes">Figures of each class or label; empty for other tasks.</param>
public sealed record MetricReport(ImmutableArray<MetricValue> Values, ConfusionMatrix? Confusion, ImmutableArray<ClassFigures> Classes)
{
    /// <summary>A metric's value; null where it was not measured.</summary>
    public double? this[string name]
    {
        get
        {
            foreach (var (metric, value) in Values)
                if (metric.Name == name) return value;
            return null;
        }
    }
}
