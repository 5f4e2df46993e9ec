namespace DistTrain.Training;

/// <summary>
/// The area under the receiver operating characteristic: the probability that a positive sample's score is above a negative one's, equal scores counting half (Fawcett 2006). Exact: pairs are counted in
/// whole numbers, so neither order nor parts show.
/// </summary>
public static class RocAuc
{
    /// <summary>Computes it.</summary>
    /// <param name="scores">Each sample's score.</param>
    /// <param name="isPositive">Whether the sample is positive.</param>
    /// <returns>The area in [0, 1]; NaN where one of the two classes is missing or a score is NaN.</returns>
    public static double Of(ReadOnlySpan<float> scores, ReadOnlySpan<bool> isPositive)
    {
        var sorted = scores.ToArray();
        var positive = isPositive.ToArray();
        Array.Sort(sorted, positive);
        // NaN sorts first.
        if (sorted.Length > 0 && float.IsNaN(sorted[0])) return double.NaN;
        long below = 0, positives = 0, twice = 0;
        for (int i = 0; i < sorted.Length;)
        {
            long equalPositives = 0, equalNegatives = 0;
            float score = sorted[i];
            for (; i < sorted.Length && sorted[i] == score; i++)
            {
                if (positive[i]) equalPositives++;
                else equalNegatives++;
            }
            twice += equalPositives * (2 * below + equalNegatives);
            below += equalNegatives;
            positives += equalPositives;
        }
        return positives == 0 || below == 0 ? double.NaN : twice / (2.0 * positives * below);
    }
}
