using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Sums, products and extremes of a whole span, in an order that depends on the length alone. A float sum runs sixteen lanes (lane j takes elements j, j + 16,
/// j + 32 …) over blocks of 4,096 elements; a block's lanes are combined by the tree (0+8, 1+9, …), then 4, 2, 1, and further blocks are added in double.
/// </summary>
[SkipLocalsInit]
public static unsafe partial class Reduce
{
    /// <summary>Elements of one block of a float sum and of a norm: 16 KiB.</summary>
    public const int BlockLength = 4096;

    /// <summary>Σ x; 0 for an empty span.</summary>
    public static float Sum(ReadOnlySpan<float> x)
    {
        fixed (float* px = x)
            return Sum(new Identity(), px, px, x.Length);
    }

    /// <summary>Σ x / n; NaN for an empty span.</summary>
    public static float Mean(ReadOnlySpan<float> x) => Sum(x) / x.Length;

    /// <summary>Σ (x − center)², the products rounded.</summary>
    public static float SumOfSquaredDifferences(ReadOnlySpan<float> x, float center)
    {
        fixed (float* px = x)
            return Sum(new SquaredDifference(center), px, px, x.Length);
    }

    /// <summary>Σ a·b, the products rounded to float.</summary>
    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Lanes.RequireLength(nameof(Dot), nameof(b), b.Length, a.Length);
        fixed (float* pa = a, pb = b)
            return Sum(new Product(), pa, pb, a.Length);
    }

    /// <summary>Σ x² in double, exact products, sixteen lanes: what a norm adds for one block of <see cref="BlockLength"/> elements.</summary>
    public static double SumOfSquares(ReadOnlySpan<float> x)
    {
        fixed (float* px = x)
        {
            var low = Vector512<double>.Zero;
            var high = Vector512<double>.Zero;
            var i = 0;
            for (; i <= x.Length - Lanes.Count; i += Lanes.Count)
                AddSquares(Lanes.Load(px + i), ref low, ref high);
            if (i < x.Length)
                AddSquares(Lanes.Load(px + i, x.Length - i), ref low, ref high);
            return Lanes.Sum(low, high);
        }
    }

    /// <summary>One <see cref="SumOfSquares(ReadOnlySpan{float})"/> for each block of <see cref="BlockLength"/> elements, the last one maybe shorter.</summary>
    /// <param name="x">The elements; a slice of a layout starts at a block's border.</param>
    /// <param name="blocks">⌈n / 4,096⌉ sums out.</param>
    public static void SumOfSquaresByBlock(ReadOnlySpan<float> x, Span<double> blocks)
    {
        var count = (x.Length + BlockLength - 1) / BlockLength;
        Lanes.RequireLength(nameof(SumOfSquaresByBlock), nameof(blocks), blocks.Length, count);
        for (var block = 0; block < count; block++)
        {
            var start = block * BlockLength;
            blocks[block] = SumOfSquares(x.Slice(start, Math.Min(BlockLength, x.Length - start)));
        }
    }

    /// <summary>The largest element; NaN where there is one.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static float Max(ReadOnlySpan<float> x)
    {
        RequireElements(nameof(Max), x.Length);
        fixed (float* px = x)
        {
            var lanes = Vector512.Create(float.NegativeInfinity);
            var i = 0;
            for (; i <= x.Length - Lanes.Count; i += Lanes.Count)
                lanes = Vector512.Max(lanes, Lanes.Load(px + i));
            if (i < x.Length)
                lanes = Vector512.Max(lanes, Lanes.Load(px + i, x.Length - i, float.NegativeInfinity));
            return Lanes.Max(lanes);
        }
    }

    /// <summary>The smallest element; NaN where there is one.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static float Min(ReadOnlySpan<float> x)
    {
        RequireElements(nameof(Min), x.Length);
        fixed (float* px = x)
        {
            var lanes = Vector512.Create(float.PositiveInfinity);
            var i = 0;
            for (; i <= x.Length - Lanes.Count; i += Lanes.Count)
                lanes = Vector512.Min(lanes, Lanes.Load(px + i));
            if (i < x.Length)
                lanes = Vector512.Min(lanes, Lanes.Load(px + i, x.Length - i, float.PositiveInfinity));
            return Lanes.Min(lanes);
        }
    }

    /// <summary>The index of the first largest element; of the first NaN where there is one.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static int ArgMax(ReadOnlySpan<float> x) => IndexOf(x, Max(x));

    /// <summary>The index of the first smallest element; of the first NaN where there is one.</summary>
    /// <exception cref="ArgumentException">The span is empty.</exception>
    public static int ArgMin(ReadOnlySpan<float> x) => IndexOf(x, Min(x));

    private static int IndexOf(ReadOnlySpan<float> x, float value)
    {
        for (var i = 0; i < x.Length; i++)
        {
            if (x[i] == value || float.IsNaN(x[i]))
                return i;
        }
        return -1;
    }

    private static void RequireElements(string kernel, int length)
    {
        if (length == 0)
            throw new ArgumentException($"{kernel}: the span has no elements, expected at least one");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSquares(Vector512<float> x, ref Vector512<double> low, ref Vector512<double> high)
    {
        var first = Vector512.WidenLower(x);
        var second = Vector512.WidenUpper(x);
        low += first * first;
        high += second * second;
    }

    /// <summary>The one order of all float sums over contiguous elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Sum<TTerm>(TTerm term, float* a, float* b, int length)
        where TTerm : struct, IBinaryOperator
    {
        if (length <= BlockLength)
            return SumBlock(term, a, b, length);
        double total = 0;
        for (var start = 0; start < length; start += BlockLength)
            total += SumBlock(term, a + start, b + start, Math.Min(BlockLength, length - start));
        return (float)total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumBlock<TTerm>(TTerm term, float* a, float* b, int length)
        where TTerm : struct, IBinaryOperator
    {
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
            lanes += term.Invoke(Lanes.Load(a + i), Lanes.Load(b + i));
        if (i < length)
        {
            // Lanes past the end add zero; the term of a zero need not be zero.
            var rest = length - i;
            lanes += Lanes.Mask(rest) & term.Invoke(Lanes.Load(a + i, rest), Lanes.Load(b + i, rest));
        }
        return Lanes.Sum(lanes);
    }

    internal readonly struct Identity : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a;
    }

    internal readonly struct Product : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a * b;
    }

    internal readonly struct SquaredDifference(float center) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b)
        {
            var difference = a - Vector512.Create(center);
            return difference * difference;
        }
    }
}
