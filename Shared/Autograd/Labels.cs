namespace DistTrain.Autograd;

/// <summary>Checks of class labels and indices, worded alike for all operations.</summary>
internal static class Labels
{
    /// <summary>Every label must be in [0, classes), but for one that does not count.</summary>
    public static void Check(ReadOnlySpan<long> labels, int classes, string operation, long ignored = -100)
    {
        for (int i = 0; i < labels.Length; i++)
            if ((ulong)labels[i] >= (ulong)classes && labels[i] != ignored)
                throw new ArgumentException($"{operation}: label {labels[i]} at position {i}, expected 0 to {classes - 1}");
    }

    /// <summary>Every index must be in [0, size).</summary>
    public static void CheckIndices(ReadOnlySpan<long> indices, int size, string operation)
    {
        for (int i = 0; i < indices.Length; i++)
            if ((ulong)indices[i] >= (ulong)size)
                throw new ArgumentException($"{operation}: index {indices[i]} at position {i}, expected 0 to {size - 1}");
    }
}
