namespace DistTrain.Simd;

/// <summary>The reverse of a reduction over one axis: a value per [outer, inner] for all n places of the axis in [outer, n, inner]; the gradient of sums and means.</summary>
public static class Spread
{
    /// <summary>dx[o, k, i] = factor·dy[o, i], or added to dx.</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length.</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="dy">[outer, inner].</param>
    /// <param name="factor">A factor for all.</param>
    /// <param name="dx">[outer, n, inner].</param>
    /// <param name="accumulate">Add to dx instead of overwriting it.</param>
    public static void Axis(int outer, int n, int inner, ReadOnlySpan<float> dy, float factor, Span<float> dx, bool accumulate = false)
    {
        for (var o = 0; o < outer; o++)
        {
            var slab = dx.Slice(o * n * inner, n * inner);
            if (inner == 1)
            {
                var value = dy[o] * factor;
                if (accumulate) Elementwise.Add(slab, value, slab);
                else slab.Fill(value);
                continue;
            }
            var row = dy.Slice(o * inner, inner);
            for (var k = 0; k < n; k++)
            {
                var target = slab.Slice(k * inner, inner);
                if (accumulate) Elementwise.AddScaled(factor, row, target);
                else if (factor == 1f) row.CopyTo(target);
                else Elementwise.Multiply(row, factor, target);
            }
        }
    }

    /// <summary>dx = dy/count at the places equal to the extreme y of their axis, count of them; zero elsewhere: PyTorch's gradient of amax and amin.</summary>
    /// <param name="outer">Elements before the axis.</param>
    /// <param name="n">The axis' length.</param>
    /// <param name="inner">Elements after the axis.</param>
    /// <param name="dy">[outer, inner].</param>
    /// <param name="x">[outer, n, inner].</param>
    /// <param name="y">[outer, inner], the extremes.</param>
    /// <param name="dx">[outer, n, inner].</param>
    /// <param name="accumulate">Add to dx instead of overwriting it.</param>
    public static void ToExtremes(int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
    {
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i++)
            {
                int first = (o * n * inner) + i, count = 0;
                var extreme = y[(o * inner) + i];
                for (var k = 0; k < n; k++)
                    if (x[first + (k * inner)] == extreme) count++;
                var share = dy[(o * inner) + i] / count;
                for (var k = 0; k < n; k++)
                {
                    var at = first + (k * inner);
                    var value = x[at] == extreme ? share : 0f;
                    dx[at] = accumulate ? dx[at] + value : value;
                }
            }
        }
    }
}
