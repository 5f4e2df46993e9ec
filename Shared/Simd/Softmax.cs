using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Softmax and log-softmax over one axis of [outer, n, inner] tensors, row-major; inner = 1 is the usual softmax over rows. The largest element is subtracted
/// first. A slice that holds a NaN, +∞, or nothing but −∞ gives NaN, as PyTorch does. The output may be the input.
/// </summary>
[SkipLocalsInit]
public static unsafe partial class Softmax
{
    /// <summary>Rows whose logarithms are taken together: a few vectors of them.</summary>
    internal const int RowsAtOnce = 64;

    /// <summary>y = softmax(x) over the axis of length n.</summary>
    public static void Forward(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y)
    {
        Require(nameof(Forward), outer, n, inner, x.Length, y.Length);
        fixed (float* px = x, py = y)
        {
            if (inner != 1)
            {
                ForwardStrided(outer, n, inner, px, py, log: false);
                return;
            }
            for (var row = 0; row < outer; row++)
                ForwardRow(px + (nint)row * n, py + (nint)row * n, n);
        }
    }

    /// <summary>y = ln softmax(x) over the axis of length n.</summary>
    public static void LogForward(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y)
    {
        Require(nameof(LogForward), outer, n, inner, x.Length, y.Length);
        fixed (float* px = x, py = y)
        {
            if (inner != 1)
            {
                ForwardStrided(outer, n, inner, px, py, log: true);
                return;
            }
            var normalizers = stackalloc float[RowsAtOnce];
            for (var first = 0; first < outer; first += RowsAtOnce)
            {
                var rows = Math.Min(RowsAtOnce, outer - first);
                LogSumExpRows(px + (nint)first * n, rows, n, normalizers);
                for (var row = 0; row < rows; row++)
                    Subtract(px + (nint)(first + row) * n, py + (nint)(first + row) * n, n, normalizers[row]);
            }
        }
    }

    /// <summary>y[o, i] = ln Σ e^x over the axis; −∞ where all are −∞.</summary>
    public static void LogSumExp(int outer, int n, int inner, ReadOnlySpan<float> x, Span<float> y)
    {
        Require(nameof(LogSumExp), outer, n, inner, x.Length, int.MaxValue);
        Lanes.RequireLength(nameof(LogSumExp), nameof(y), y.Length, outer * inner);
        fixed (float* px = x, py = y)
        {
            for (var first = 0; inner == 1 && first < outer; first += RowsAtOnce)
                LogSumExpRows(px + (nint)first * n, Math.Min(RowsAtOnce, outer - first), n, py + first);
            for (var o = 0; inner != 1 && o < outer; o++)
                LogSumExpStrided(n, inner, px + (nint)o * n * inner, py + (nint)o * inner);
        }
    }

    /// <summary>dx = y·(dy − Σ dy·y) over the axis, y = softmax(x); or added to dx.</summary>
    public static void Backward(int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Backward(default(SoftmaxGradient), nameof(Backward), outer, n, inner, dy, y, dx, accumulate);

    /// <summary>dx = dy − e^y·Σ dy over the axis, y = ln softmax(x); or added to dx.</summary>
    public static void LogBackward(int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate = false)
        => Backward(default(LogSoftmaxGradient), nameof(LogBackward), outer, n, inner, dy, y, dx, accumulate);

    /// <summary>The largest element of a row; any number where there is a NaN, which the row's sum will show.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float RowMax(float* x, int n)
    {
        var lanes = Vector512.Create(float.NegativeInfinity);
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            lanes = Vector512.MaxNative(Lanes.Load(x + i), lanes);
        if (i < n)
            lanes = Vector512.MaxNative(Lanes.Load(x + i, n - i, float.NegativeInfinity), lanes);
        return Lanes.MaxNative(lanes);
    }

    /// <summary>y = e^(x − shift), and their sum in the fixed order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float ExpRow(float* x, float* y, int n, float shift)
    {
        var offset = Vector512.Create(shift);
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
        {
            var e = Formulas.Exp(Lanes.Load(x + i) - offset);
            sum += e;
            e.Store(y + i);
        }
        if (i < n)
        {
            // The lanes past the end take e^0: e^−∞ would cost the slow path of subnormal numbers on the way to zero.
            var e = Formulas.Exp(Lanes.Load(x + i, n - i, shift) - offset);
            sum += Lanes.Mask(n - i) & e;
            Lanes.Store(e, y + i, n - i);
        }
        return Lanes.Sum(sum);
    }

    /// <summary>The largest element of a row and Σ e^(x − largest); where that is infinite, nothing is subtracted and 0 stands for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void MaxAndSum(float* x, int n, out float largest, out float sum)
    {
        var max = RowMax(x, n);
        largest = float.IsInfinity(max) ? 0f : max;
        var offset = Vector512.Create(largest);
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            lanes += Formulas.Exp(Lanes.Load(x + i) - offset);
        if (i < n)
            lanes += Lanes.Mask(n - i) & Formulas.Exp(Lanes.Load(x + i, n - i) - offset);
        sum = Lanes.Sum(lanes);
    }

    /// <summary>y = largest + ln sum for each row: sixteen logarithms at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void LogOfSums(float* largest, float* sum, float* y, int rows)
    {
        for (var row = 0; row < rows; row += Lanes.Count)
        {
            var count = Math.Min(Lanes.Count, rows - row);
            Lanes.StoreUpTo(Lanes.LoadUpTo(largest + row, count) + Formulas.Log(Lanes.LoadUpTo(sum + row, count)), y + row, count);
        }
    }

    /// <summary>ln Σ e^x of each of up to <see cref="RowsAtOnce"/> rows.</summary>
    internal static void LogSumExpRows(float* x, int rows, int n, float* y)
    {
        var largest = stackalloc float[RowsAtOnce];
        for (var row = 0; row < rows; row++)
            MaxAndSum(x + (nint)row * n, n, out largest[row], out y[row]);
        LogOfSums(largest, y, y, rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRow(float* x, float* y, int n)
    {
        var sum = ExpRow(x, y, n, RowMax(x, n));
        var scale = Vector512.Create(1f / sum);
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            (Lanes.Load(y + i) * scale).Store(y + i);
        if (i < n)
            Lanes.Store(Lanes.Load(y + i, n - i) * scale, y + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Subtract(float* x, float* y, int n, float value)
    {
        var offset = Vector512.Create(value);
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            (Lanes.Load(x + i) - offset).Store(y + i);
        if (i < n)
            Lanes.Store(Lanes.Load(x + i, n - i) - offset, y + i, n - i);
    }

    private static void Backward<TGradient>(TGradient rule, string kernel, int outer, int n, int inner, ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx, bool accumulate)
        where TGradient : struct, IGradient
    {
        Require(kernel, outer, n, inner, dy.Length, dx.Length);
        Lanes.RequireLength(kernel, nameof(y), y.Length, outer * n * inner);
        fixed (float* pg = dy, py = y, px = dx)
        {
            if (inner != 1)
            {
                BackwardStrided(rule, outer, n, inner, pg, py, px, accumulate);
                return;
            }
            for (var row = 0; row < outer; row++)
            {
                var start = (nint)row * n;
                if (accumulate)
                    BackwardRow<TGradient, Map.Accumulate>(rule, pg + start, py + start, px + start, n);
                else
                    BackwardRow<TGradient, Map.Overwrite>(rule, pg + start, py + start, px + start, n);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<TGradient, TStore>(TGradient rule, float* dy, float* y, float* dx, int n)
        where TGradient : struct, IGradient
        where TStore : struct, Map.IStore
    {
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes.Count; i += Lanes.Count)
            sum += rule.Term(Lanes.Load(dy + i), Lanes.Load(y + i));
        if (i < n)
            sum += rule.Term(Lanes.Load(dy + i, n - i), Lanes.Load(y + i, n - i));
        var total = Vector512.Create(Lanes.Sum(sum));
        for (i = 0; i <= n - Lanes.Count; i += Lanes.Count)
            TStore.Store(rule.Gradient(Lanes.Load(dy + i), Lanes.Load(y + i), total), dx + i);
        if (i < n)
            TStore.Store(rule.Gradient(Lanes.Load(dy + i, n - i), Lanes.Load(y + i, n - i), total), dx + i, n - i);
    }

    private static void Require(string kernel, int outer, int n, int inner, int x, int y)
    {
        if (outer < 0 || n < 0 || inner < 0)
            throw new ArgumentException($"Softmax.{kernel}: the shape was [{outer}, {n}, {inner}], expected no negative length");
        Lanes.RequireLength(kernel, "x", x, checked(outer * n * inner));
        Lanes.RequireLength(kernel, "y", y, outer * n * inner);
    }

    /// <summary>The two gradients: a sum over the axis, then an element-wise rule with it.</summary>
    private interface IGradient
    {
        /// <summary>What is summed; zero where both arguments are.</summary>
        Vector512<float> Term(Vector512<float> dy, Vector512<float> y);

        /// <summary>dx.</summary>
        Vector512<float> Gradient(Vector512<float> dy, Vector512<float> y, Vector512<float> sum);
    }

    private readonly struct SoftmaxGradient : IGradient
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Term(Vector512<float> dy, Vector512<float> y) => dy * y;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Gradient(Vector512<float> dy, Vector512<float> y, Vector512<float> sum) => y * (dy - sum);
    }

    private readonly struct LogSoftmaxGradient : IGradient
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Term(Vector512<float> dy, Vector512<float> y) => dy;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Gradient(Vector512<float> dy, Vector512<float> y, Vector512<float> sum) => dy - Formulas.Exp(y) * sum;
    }
}
