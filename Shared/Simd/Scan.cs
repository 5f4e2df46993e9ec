namespace DistTrain.Simd;

/// <summary>Running sums and products over one axis of [outer, n, inner] tensors, in order from the first element.</summary>
public static class Scan
{
    /// <summary>y[o, k, i] = Σ over j ≤ k of x[o, j, i]. May be in place.</summary>
    public static void CumulativeSum(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y)
    {
        for (var o = 0; o < outer; o++)
        {
            var start = o * n * inner;
            x.Slice(start, n == 0 ? 0 : inner).CopyTo(y[start..]);
            for (var at = start + inner; at < start + (n * inner); at++) y[at] = y[at - inner] + x[at];
        }
    }

    /// <summary>dx[o, k, i] = Σ over j ≥ k of dy[o, j, i], summed from the last: the gradient of <see cref="CumulativeSum"/>. May be in place.</summary>
    public static void CumulativeSumBackward(int outer, int n, int inner, ReadOnlySpan<float> dy, Span<float> dx)
    {
        for (var o = 0; o < outer && n > 0; o++)
        {
            int start = o * n * inner, last = start + ((n - 1) * inner);
            dy.Slice(last, inner).CopyTo(dx[last..]);
            for (var at = last - 1; at >= start; at--) dx[at] = dx[at + inner] + dy[at];
        }
    }

    /// <summary>y[o, i] = Π over k of x[o, k, i]; 1 for an axis of length 0.</summary>
    public static void Product(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y)
    {
        y[..(outer * inner)].Fill(1f);
        for (var o = 0; o < outer; o++)
        {
            var row = y.Slice(o * inner, inner);
            for (var k = 0; k < n; k++) Elementwise.Multiply(row, x.Slice(((o * n) + k) * inner, inner), row);
        }
    }

    /// <summary>dx[o, k, i] = dy[o, i]·Π over j ≠ k of x[o, j, i], right for zeros too: what stands before times what stands behind.</summary>
    public static void ProductBackward(int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx)
    {
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i++)
            {
                var first = (o * n * inner) + i;
                var before = dy[(o * inner) + i];
                for (var k = 0; k < n; k++)
                {
                    dx[first + (k * inner)] = before;
                    before *= x[first + (k * inner)];
                }
                var behind = 1f;
                for (var k = n - 1; k >= 0; k--)
                {
                    dx[first + (k * inner)] *= behind;
                    behind *= x[first + (k * inner)];
                }
            }
        }
    }
}
