namespace DistTrain.Training;

/// <summary>Errors of one number to predict, and how its targets vary; parts are joined in slice order (Chan, Golub and LeVeque 1979).</summary>
internal sealed class ErrorSum
{
    private double mean, deviations;

    /// <summary>Samples.</summary>
    public long Count { get; private set; }

    /// <summary>The sum of |error|.</summary>
    public double Absolute { get; private set; }

    /// <summary>The sum of error².</summary>
    public double Squares { get; private set; }

    /// <summary>R²: 1 − squared errors over squared deviations from the targets' mean. Of targets that are all the same: 1 without errors, else 0; NaN for fewer than two.</summary>
    public double Determination => Count < 2 ? double.NaN : deviations > 0 ? 1 - Squares / deviations : Squares == 0 ? 1 : 0;

    /// <summary>Adds a slice's sums: |error|, error², mean of the targets, squared deviations from it.</summary>
    public void Add(int count, ReadOnlySpan<double> sums)
    {
        if (count == 0) return;
        Absolute += sums[0];
        Squares += sums[1];
        double apart = sums[2] - mean, total = Count + count;
        deviations += sums[3] + apart * apart * Count * count / total;
        mean += apart * count / total;
        Count += count;
    }
}
