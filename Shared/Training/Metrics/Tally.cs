using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>How often a class or label was found, taken for, and missed.</summary>
internal readonly record struct Tally(string Name, long TruePositives, long FalsePositives, long FalseNegatives)
{
    private long Support => TruePositives + FalseNegatives;

    /// <summary>Whether it occurs or is predicted.</summary>
    public bool IsSeen => TruePositives + FalsePositives + FalseNegatives > 0;

    private double Precision => Ratio(TruePositives, TruePositives + FalsePositives);

    private double Recall => Ratio(TruePositives, Support);

    private double F1 => Ratio(2 * TruePositives, 2 * TruePositives + FalsePositives + FalseNegatives);

    /// <summary>The figures for people.</summary>
    public ClassFigures ToFigures() => new(Name, Precision, Recall, F1, Support);

    /// <summary>A figure over classes.</summary>
    public static double Average(ImmutableArray<Tally> classes, string figure, Averaging averaging)
    {
        if (averaging == Averaging.Micro) return new Tally("", classes.Sum(c => c.TruePositives), classes.Sum(c => c.FalsePositives), classes.Sum(c => c.FalseNegatives)).Figure(figure);
        double sum = 0, weights = 0;
        foreach (var one in classes)
        {
            double weight = averaging == Averaging.Weighted ? one.Support : 1;
            sum += weight * one.Figure(figure);
            weights += weight;
        }
        return weights == 0 ? 0 : sum / weights;
    }

    private double Figure(string name) => name switch
    {
        "precision" => Precision,
        "recall" => Recall,
        _ => F1,
    };

    private static double Ratio(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
