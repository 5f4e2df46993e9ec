namespace DistTrain.Simd;

/// <summary>The first k elements of an order along one axis.</summary>
public static class TopElements
{
    private static readonly Comparison<(float Value, int Index)> LargestFirst = CompareLargestFirst;
    private static readonly Comparison<(float Value, int Index)> SmallestFirst = CompareSmallestFirst;

    [ThreadStatic]
    private static (float Value, int Index)[]? pairs;

    /// <summary>indices[o, j, i] = the place k of the j-th best of x[o, ·, i]; NaN is better than all numbers, as in PyTorch; of equals the first is better.</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length.</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="count">How many are wanted, 0 to n.</param>
    /// <param name="largest">Whether the largest are the best.</param>
    /// <param name="x">[outer, n, inner].</param>
    /// <param name="indices">[outer, count, inner] out.</param>
    public static void Indices(int outer, int n, int inner, int count, bool largest, ReadOnlySpan<float> x, Span<long> indices)
    {
        if (pairs == null || pairs.Length < n) pairs = new (float, int)[n];
        var row = pairs.AsSpan(0, n);
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i++)
            {
                for (var k = 0; k < n; k++) row[k] = (x[(((o * n) + k) * inner) + i], k);
                row.Sort(largest ? LargestFirst : SmallestFirst);
                for (var j = 0; j < count; j++) indices[(((o * count) + j) * inner) + i] = row[j].Index;
            }
        }
    }

    private static int CompareLargestFirst((float Value, int Index) a, (float Value, int Index) b)
    {
        // CompareTo puts NaN below all numbers.
        var order = float.IsNaN(a.Value) || float.IsNaN(b.Value) ? float.IsNaN(b.Value).CompareTo(float.IsNaN(a.Value)) : b.Value.CompareTo(a.Value);
        return order != 0 ? order : a.Index.CompareTo(b.Index);
    }

    private static int CompareSmallestFirst((float Value, int Index) a, (float Value, int Index) b)
    {
        var order = float.IsNaN(a.Value) || float.IsNaN(b.Value) ? float.IsNaN(a.Value).CompareTo(float.IsNaN(b.Value)) : a.Value.CompareTo(b.Value);
        return order != 0 ? order : a.Index.CompareTo(b.Index);
    }
}
