using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Layer normalization over rows of length n (<see href="https://arxiv.org/abs/1607.06450">Ba, Kiros, Hinton 2016</see>): y = (x − mean)·rstd·weight + bias with the
/// row's mean and rstd = 1/√(variance + ε), variance biased, in two passes over the row.
/// </summary>
[SkipLocalsInit]
public static unsafe class LayerNorm
{
    /// <summary>y, and each row's mean and rstd for the backward pass.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="n">Row length, at least 1.</param>
    /// <param name="x">[rows, n].</param>
    /// <param name="weight">[n], or empty for 1.</param>
    /// <param name="bias">[n], or empty for 0.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="y">[rows, n] out; may be x.</param>
    /// <param name="mean">[rows] out.</param>
    /// <param name="rstd">[rows] out.</param>
    public static void Forward(
        int rows, int n, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float epsilon, Span<float> y, Span<float> mean, Span<float> rstd)
    {
        Require(rows, n, x.Length, weight.Length, bias.Length, y.Length, mean.Length, rstd.Length);
        fixed (float* px = x, pw = weight, pb = bias, py = y)
        {
            for (var row = 0; row < rows; row++)
            {
                var source = px + (nint)row * n;
                var center = Reduce.Sum(new Reduce.Identity(), source, source, n) / n;
                var variance = Reduce.Sum(new Reduce.SquaredDifference(center), source, source, n) / n;
                mean[row] = center;
                rstd[row] = 1f / MathF.Sqrt(variance + epsilon);
                Normalize(source, pw, pb, py + (nint)row * n, n, center, rstd[row]);
            }
        }
    }

    /// <summary>
    /// With x̂ = (x − mean)·rstd and g = dy·weight: dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), dWeight = Σ rows dy·x̂, dBias = Σ rows dy. An empty gradient span is
    /// not computed.
    /// </summary>
    /// <param name="rows">Rows.</param>
    /// <param name="n">Row length.</param>
    /// <param name="dy">[rows, n].</param>
    /// <param name="x">[rows, n], the input of the forward pass.</param>
    /// <param name="weight">[n], or empty for 1.</param>
    /// <param name="mean">[rows] from the forward pass.</param>
    /// <param name="rstd">[rows] from the forward pass.</param>
    /// <param name="dx">[rows, n] out.</param>
    /// <param name="dWeight">[n] out.</param>
    /// <param name="dBias">[n] out.</param>
    /// <param name="accumulateInput">Add to dx instead of overwriting it.</param>
    /// <param name="accumulateParameters">Add to dWeight and dBias instead of overwriting them.</param>
    public static void Backward(
        int rows, int n, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd,
        Span<float> dx, Span<float> dWeight, Span<float> dBias, bool accumulateInput = false, bool accumulateParameters = false)
    {
        Require(rows, n, x.Length, weight.Length, dBias.Length, dy.Length, mean.Length, rstd.Length);
        Lanes.RequireLength("LayerNorm", nameof(dx), dx.Length, dx.IsEmpty ? 0 : rows * n);
        Lanes.RequireLength("LayerNorm", nameof(dWeight), dWeight.Length, dWeight.IsEmpty ? 0 : n);
        if (!accumulateParameters)
        {
            dWeight.Clear();
            dBias.Clear();
        }
        fixed (float* pg = dy, px = x, pw = weight, pd = dx, pdw = dWeight, pdb = dBias)
        {
            for (var row = 0; row < rows; row++)
            {
                var start = (nint)row * n;
                if (pd == null)
                    AccumulateParameters(pg + start, px + start, pdw, pdb, n, mean[row], rstd[row]);
                else if (accumulateInput)
                    BackwardRow<Map.Accumulate>(pg + start, px + start, pw, pd + start, pdw, pdb, n, mean[row], rstd[row], centered: true);
                else
                    BackwardRow<Map.Overwrite>(pg + start, px + start, pw, pd + start, pdw, pdb, n, mean[row], rstd[row], centered: true);
            }
        }
    }

    /// <summary>y = (x − mean)·rstd·weight + bias of one row; a null weight is 1, a null bias 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Normalize(float* x, float* weight, float* bias, float* y, int n, float mean, float rstd)
    {
        var row = new Row(x, weight, mean, rstd);
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            row.Normalize<Whole>(i, 0, bias, y);
        if (i < n)
            row.Normalize<Part>(i, n - i, bias, y);
    }

    /// <summary>
    /// dx of one row, and what <see cref="AccumulateParameters"/> does, in the same pass; with <paramref name="centered"/> false the mean of the gradient is not taken off
    /// (RMS norm, whose mean is 0).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void BackwardRow<TStore>(float* dy, float* x, float* weight, float* dx, float* dWeight, float* dBias, int n, float mean, float rstd, bool centered)
        where TStore : struct, Map.IStore
    {
        var row = new Row(x, weight, mean, rstd);
        var sum = Vector512<float>.Zero;
        var projected = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            row.AddTerms<Whole>(i, 0, dy, dWeight, dBias, ref sum, ref projected);
        if (i < n)
            row.AddTerms<Part>(i, n - i, dy, dWeight, dBias, ref sum, ref projected);

        var meanGradient = Vector512.Create(centered ? Lanes.Sum(sum) / n : 0f);
        var meanProjected = Vector512.Create(Lanes.Sum(projected) / n);
        for (i = 0; i <= n - Lanes.Count; i += Lanes.Count)
            TStore.Store(row.Gradient<Whole>(i, 0, dy, meanGradient, meanProjected), dx + i);
        if (i < n)
            TStore.Store(row.Gradient<Part>(i, n - i, dy, meanGradient, meanProjected), dx + i, n - i);
    }

    /// <summary>dWeight += dy·x̂ and dBias += dy for one row; either may be null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AccumulateParameters(float* dy, float* x, float* dWeight, float* dBias, int n, float mean, float rstd)
    {
        var row = new Row(x, null, mean, rstd);
        Vector512<float> sum = default, projected = default;
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            row.AddTerms<Whole>(i, 0, dy, dWeight, dBias, ref sum, ref projected);
        if (i < n)
            row.AddTerms<Part>(i, n - i, dy, dWeight, dBias, ref sum, ref projected);
    }

    /// <summary>Sixteen lanes, or the last few: a type, so that the loop over whole vectors has no branch for the rest.</summary>
    private interface IExtent
    {
        static abstract Vector512<float> Load(float* source, int count);

        static abstract void Store(Vector512<float> value, float* destination, int count);
    }

    private readonly struct Whole : IExtent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(float* source, int count) => Lanes.Load(source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination, int count) => value.Store(destination);
    }

    private readonly struct Part : IExtent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(float* source, int count) => Lanes.Load(source, count);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination, int count) => Lanes.Store(value, destination, count);
    }

    /// <summary>One row and its statistics; the steps at element i.</summary>
    private readonly struct Row(float* x, float* weight, float mean, float rstd)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Normalize<TExtent>(int i, int count, float* bias, float* y)
            where TExtent : struct, IExtent
        {
            var value = Normalized<TExtent>(i, count);
            if (weight != null)
                value *= TExtent.Load(weight + i, count);
            if (bias != null)
                value += TExtent.Load(bias + i, count);
            TExtent.Store(value, y + i, count);
        }

        // Past the end dy is zero, and so are all terms.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void AddTerms<TExtent>(int i, int count, float* dy, float* dWeight, float* dBias, ref Vector512<float> sum, ref Vector512<float> projected)
            where TExtent : struct, IExtent
        {
            var g = TExtent.Load(dy + i, count);
            var normalized = Normalized<TExtent>(i, count);
            if (dWeight != null)
                TExtent.Store(TExtent.Load(dWeight + i, count) + g * normalized, dWeight + i, count);
            if (dBias != null)
                TExtent.Store(TExtent.Load(dBias + i, count) + g, dBias + i, count);
            if (weight != null)
                g *= TExtent.Load(weight + i, count);
            sum += g;
            projected += g * normalized;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Gradient<TExtent>(int i, int count, float* dy, Vector512<float> meanGradient, Vector512<float> meanProjected)
            where TExtent : struct, IExtent
        {
            var g = TExtent.Load(dy + i, count);
            if (weight != null)
                g *= TExtent.Load(weight + i, count);
            return Vector512.Create(rstd) * (g - meanGradient - Normalized<TExtent>(i, count) * meanProjected);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Normalized<TExtent>(int i, int count)
            where TExtent : struct, IExtent
            => (TExtent.Load(x + i, count) - Vector512.Create(mean)) * Vector512.Create(rstd);
    }

    private static void Require(int rows, int n, int x, int weight, int bias, int y, int mean, int rstd)
    {
        if (rows < 0 || n < 1)
            throw new ArgumentException($"LayerNorm: the input was [{rows}, {n}], expected rows of at least one element");
        Lanes.RequireLength("LayerNorm", nameof(x), x, checked(rows * n));
        Lanes.RequireLength("LayerNorm", "y or dy", y, rows * n);
        Lanes.RequireLength("LayerNorm", nameof(weight), weight, weight == 0 ? 0 : n);
        Lanes.RequireLength("LayerNorm", nameof(bias), bias, bias == 0 ? 0 : n);
        Lanes.RequireLength("LayerNorm", nameof(mean), mean, rows);
        Lanes.RequireLength("LayerNorm", nameof(rstd), rstd, rows);
    }
}
