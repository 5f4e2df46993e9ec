using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>What one evaluation slice found beside its loss: small, and summed in slice order, so that it does not matter who computed it.</summary>
/// <param name="Counts">Whole numbers: hits for each k; then, for classes, pairs of (true · classes + predicted, how often), and for labels, true positives, false positives, false negatives and true negatives of each label and last the samples that are right in all.</param>
/// <param name="Sums">Of each number to predict: sum of |error|, sum of error², mean of the targets, sum of squared deviations from that mean.</param>
/// <param name="Scores">Each sample's scores, sample by sample.</param>
/// <param name="Labels">Each sample's class, or each of its labels as 0 or 1, for <paramref name="Scores"/>.</param>
/// <param name="Rows">Samples (or numbers) that count.</param>
public sealed record SliceDetail(ImmutableArray<long> Counts, ImmutableArray<double> Sums, ImmutableArray<float> Scores, ImmutableArray<int> Labels, int Rows)
{
    /// <summary>Nothing.</summary>
    public static readonly SliceDetail Empty = new([], [], [], [], 0);
}
