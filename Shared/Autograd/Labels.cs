namespace DistTrain.Autograd;

/// <summary>Checks of class labels and indices, worded alike for all operations.</summary>
internal static class Labels
{
    /// <summary>Every label must be in [0, classes).</summary>
    public static void Check(ReadOnlySpan<long> labels, int classes, string operation)
    {
        for (int i = 0; i < labels.Length; i++)
            if ((ulong)labels[i] >= (ulong)classes)
                throw new ArgumentException($"{operation}: label {labels[i]} at position {i}, expected 0 to {classes - 1}");
    }
}
