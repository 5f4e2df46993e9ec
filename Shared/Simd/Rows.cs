namespace DistTrain.Simd;

/// <summary>Picking rows by index and adding rows at indices, for [outer, n, inner] tensors: embeddings and index_select. Indices are checked by the caller.</summary>
public static class Rows
{
    /// <summary>y[o, j, i] = x[o, indices[j], i].</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length; indices are in [0, n).</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="x">[outer, n, inner].</param>
    /// <param name="indices">Which.</param>
    /// <param name="y">[outer, indices, inner] out.</param>
    public static void Select<T>(int outer, int n, int inner, ReadOnlySpan<T> x, ReadOnlySpan<long> indices, Span<T> y)
    {
        var at = 0;
        for (var o = 0; o < outer; o++)
        {
            foreach (var index in indices)
            {
                x.Slice(((o * n) + (int)index) * inner, inner).CopyTo(y[at..]);
                at += inner;
            }
        }
    }

    /// <summary>dx[o, indices[j], i] += dy[o, j, i], in the order of j: the gradient of <see cref="Select{T}"/>.</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length.</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="dy">[outer, indices, inner].</param>
    /// <param name="indices">Where.</param>
    /// <param name="skip">An index that gets nothing (an embedding's padding); −1 for none.</param>
    /// <param name="dx">[outer, n, inner], added to.</param>
    public static void Add(int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<long> indices, long skip, Span<float> dx)
    {
        var at = 0;
        for (var o = 0; o < outer; o++)
        {
            foreach (var index in indices)
            {
                if (index != skip) Elementwise.Accumulate(dy.Slice(at, inner), dx.Slice(((o * n) + (int)index) * inner, inner));
                at += inner;
            }
        }
    }
}
