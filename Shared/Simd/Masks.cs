using System.Numerics;
using System.Runtime.InteropServices;

namespace DistTrain.Simd;

/// <summary>How two numbers are compared.</summary>
public enum Comparison
{
    /// <summary>a = b.</summary>
    Equal,

    /// <summary>a ≠ b.</summary>
    NotEqual,

    /// <summary>a &lt; b.</summary>
    Less,

    /// <summary>a ≤ b.</summary>
    LessOrEqual,

    /// <summary>a &gt; b.</summary>
    Greater,

    /// <summary>a ≥ b.</summary>
    GreaterOrEqual,
}

/// <summary>Boolean masks: made by comparing, joined, and used to choose. Comparisons with NaN are false, except for ≠.</summary>
public static class Masks
{
    /// <summary>y = a ? b for each pair; a span of one element stands for all.</summary>
    public static void Compare<T>(Comparison comparison, ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<bool> y) where T : INumber<T>
    {
        int stepA = a.Length == 1 ? 0 : 1, stepB = b.Length == 1 ? 0 : 1;
        switch (comparison)
        {
            case Comparison.Equal:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] == b[i * stepB];
                break;
            case Comparison.NotEqual:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] != b[i * stepB];
                break;
            case Comparison.Less:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] < b[i * stepB];
                break;
            case Comparison.LessOrEqual:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] <= b[i * stepB];
                break;
            case Comparison.Greater:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] > b[i * stepB];
                break;
            default:
                for (var i = 0; i < y.Length; i++) y[i] = a[i * stepA] >= b[i * stepB];
                break;
        }
    }

    /// <summary>y = mask ? a : b, element by element.</summary>
    public static void Choose<T>(ReadOnlySpan<bool> mask, ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y)
    {
        for (var i = 0; i < mask.Length; i++) y[i] = mask[i] ? a[i] : b[i];
    }

    /// <summary>y = mask ? value : x.</summary>
    public static void Fill<T>(ReadOnlySpan<bool> mask, ReadOnlySpan<T> x, T value, Span<T> y)
    {
        for (var i = 0; i < mask.Length; i++) y[i] = mask[i] ? value : x[i];
    }

    /// <summary>dx = dy where mask equals <paramref name="keep"/>, else 0; or added to dx.</summary>
    public static void Keep(ReadOnlySpan<bool> mask, bool keep, ReadOnlySpan<float> dy, Span<float> dx, bool accumulate = false)
    {
        var bytes = MemoryMarshal.AsBytes(mask);
        var wanted = keep ? 1 : 0;
        if (accumulate)
            for (var i = 0; i < bytes.Length; i++) dx[i] += bytes[i] == wanted ? dy[i] : 0f;
        else
            for (var i = 0; i < bytes.Length; i++) dx[i] = bytes[i] == wanted ? dy[i] : 0f;
    }
}
