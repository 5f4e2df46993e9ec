namespace DistTrain.Simd;

/// <summary>
/// Root-mean-square normalization over rows of length n (<see href="https://arxiv.org/abs/1910.07467">Zhang, Sennrich 2019</see>): y = x·rstd·weight with
/// rstd = 1/√(mean(x²) + ε).
/// </summary>
public static unsafe class RmsNorm
{
    /// <summary>y, and each row's rstd for the backward pass.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="n">Row length, at least 1.</param>
    /// <param name="x">[rows, n].</param>
    /// <param name="weight">[n], or empty for 1.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="y">[rows, n] out; may be x.</param>
    /// <param name="rstd">[rows] out.</param>
    public static void Forward(int rows, int n, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y, Span<float> rstd)
    {
        Require(rows, n, x.Length, weight.Length, y.Length, rstd.Length);
        fixed (float* px = x, pw = weight, py = y)
        {
            for (var row = 0; row < rows; row++)
            {
                var source = px + (nint)row * n;
                var square = Reduce.Sum(new Reduce.Product(), source, source, n) / n;
                rstd[row] = 1f / MathF.Sqrt(square + epsilon);
                LayerNorm.Normalize(source, pw, null, py + (nint)row * n, n, 0f, rstd[row]);
            }
        }
    }

    /// <summary>With x̂ = x·rstd and g = dy·weight: dx = rstd·(g − x̂·mean(g·x̂)), dWeight = Σ rows dy·x̂. An empty gradient span is not computed.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="n">Row length.</param>
    /// <param name="dy">[rows, n].</param>
    /// <param name="x">[rows, n], the input of the forward pass.</param>
    /// <param name="weight">[n], or empty for 1.</param>
    /// <param name="rstd">[rows] from the forward pass.</param>
    /// <param name="dx">[rows, n] out.</param>
    /// <param name="dWeight">[n] out.</param>
    /// <param name="accumulateInput">Add to dx instead of overwriting it.</param>
    /// <param name="accumulateParameters">Add to dWeight instead of overwriting it.</param>
    public static void Backward(
        int rows, int n, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> rstd,
        Span<float> dx, Span<float> dWeight, bool accumulateInput = false, bool accumulateParameters = false)
    {
        Require(rows, n, x.Length, weight.Length, dy.Length, rstd.Length);
        Lanes.RequireLength("RmsNorm", nameof(dx), dx.Length, dx.IsEmpty ? 0 : rows * n);
        Lanes.RequireLength("RmsNorm", nameof(dWeight), dWeight.Length, dWeight.IsEmpty ? 0 : n);
        if (!accumulateParameters)
            dWeight.Clear();
        fixed (float* pg = dy, px = x, pw = weight, pd = dx, pdw = dWeight)
        {
            for (var row = 0; row < rows; row++)
            {
                var start = (nint)row * n;
                if (pd == null)
                    LayerNorm.AccumulateParameters(pg + start, px + start, pdw, null, n, 0f, rstd[row]);
                else if (accumulateInput)
                    LayerNorm.BackwardRow<Map.Accumulate>(pg + start, px + start, pw, pd + start, pdw, null, n, 0f, rstd[row], centered: false);
                else
                    LayerNorm.BackwardRow<Map.Overwrite>(pg + start, px + start, pw, pd + start, pdw, null, n, 0f, rstd[row], centered: false);
            }
        }
    }

    private static void Require(int rows, int n, int x, int weight, int y, int rstd)
    {
        if (rows < 0 || n < 1)
            throw new ArgumentException($"RmsNorm: the input was [{rows}, {n}], expected rows of at least one element");
        Lanes.RequireLength("RmsNorm", nameof(x), x, checked(rows * n));
        Lanes.RequireLength("RmsNorm", "y or dy", y, rows * n);
        Lanes.RequireLength("RmsNorm", nameof(weight), weight, weight == 0 ? 0 : n);
        Lanes.RequireLength("RmsNorm", nameof(rstd), rstd, rows);
    }
}
