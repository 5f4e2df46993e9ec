using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>y = f(x) on sixteen lanes. Implementations are readonly structs, so that <see cref="Map"/> compiles one loop for each, with f inlined.</summary>
internal interface IUnaryOperator
{
    /// <summary>f of each lane.</summary>
    Vector512<float> Invoke(Vector512<float> x);
}

/// <summary>y = f(a, b) on sixteen lanes.</summary>
internal interface IBinaryOperator
{
    /// <summary>f of each pair of lanes.</summary>
    Vector512<float> Invoke(Vector512<float> a, Vector512<float> b);
}

/// <summary>y = f(a, b, c) on sixteen lanes.</summary>
internal interface ITernaryOperator
{
    /// <summary>f of each triple of lanes.</summary>
    Vector512<float> Invoke(Vector512<float> a, Vector512<float> b, Vector512<float> c);
}

/// <summary>
/// The loops that all element-wise kernels share. An element gets the same operations wherever it stands: the tail runs the same vector code on masked
/// lanes. A destination may be one of the sources (same start); other overlaps are not supported. The loops are compiled with all optimizations at their first call:
/// unoptimized, vector code is a hundred times slower, and a profile would tell it nothing.
/// </summary>
[SkipLocalsInit]
internal static unsafe class Map
{
    /// <summary>y = f(x), or y += f(x).</summary>
    internal static void Unary<TOperator>(TOperator f, ReadOnlySpan<float> x, Span<float> y, bool accumulate = false)
        where TOperator : struct, IUnaryOperator
    {
        Lanes.RequireLength<TOperator>(nameof(y), y.Length, x.Length);
        fixed (float* px = x, py = y)
        {
            if (accumulate)
                UnaryLoop<TOperator, Accumulate>(f, px, py, x.Length);
            else
                UnaryLoop<TOperator, Overwrite>(f, px, py, x.Length);
        }
    }

    /// <summary>y = f(a, b), or y += f(a, b).</summary>
    internal static void Binary<TOperator>(TOperator f, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y, bool accumulate = false)
        where TOperator : struct, IBinaryOperator
    {
        Lanes.RequireLength<TOperator>(nameof(b), b.Length, a.Length);
        Lanes.RequireLength<TOperator>(nameof(y), y.Length, a.Length);
        fixed (float* pa = a, pb = b, py = y)
        {
            if (accumulate)
                BinaryLoop<TOperator, Accumulate>(f, pa, pb, py, a.Length);
            else
                BinaryLoop<TOperator, Overwrite>(f, pa, pb, py, a.Length);
        }
    }

    /// <summary>y = f(a, b, c), or y += f(a, b, c).</summary>
    internal static void Ternary<TOperator>(TOperator f, ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c, Span<float> y, bool accumulate = false)
        where TOperator : struct, ITernaryOperator
    {
        Lanes.RequireLength<TOperator>(nameof(b), b.Length, a.Length);
        Lanes.RequireLength<TOperator>(nameof(c), c.Length, a.Length);
        Lanes.RequireLength<TOperator>(nameof(y), y.Length, a.Length);
        fixed (float* pa = a, pb = b, pc = c, py = y)
        {
            if (accumulate)
                TernaryLoop<TOperator, Accumulate>(f, pa, pb, pc, py, a.Length);
            else
                TernaryLoop<TOperator, Overwrite>(f, pa, pb, pc, py, a.Length);
        }
    }

    /// <summary>f of one number, by the same operations as in a span.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Scalar<TOperator>(TOperator f, float x)
        where TOperator : struct, IUnaryOperator
        => f.Invoke(Vector512.Create(x)).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UnaryLoop<TOperator, TStore>(TOperator f, float* x, float* y, int length)
        where TOperator : struct, IUnaryOperator
        where TStore : struct, IStore
    {
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
            TStore.Store(f.Invoke(Lanes.Load(x + i)), y + i);
        if (i < length)
            TStore.Store(f.Invoke(Lanes.Load(x + i, length - i)), y + i, length - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BinaryLoop<TOperator, TStore>(TOperator f, float* a, float* b, float* y, int length)
        where TOperator : struct, IBinaryOperator
        where TStore : struct, IStore
    {
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
            TStore.Store(f.Invoke(Lanes.Load(a + i), Lanes.Load(b + i)), y + i);
        if (i < length)
            TStore.Store(f.Invoke(Lanes.Load(a + i, length - i), Lanes.Load(b + i, length - i)), y + i, length - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TernaryLoop<TOperator, TStore>(TOperator f, float* a, float* b, float* c, float* y, int length)
        where TOperator : struct, ITernaryOperator
        where TStore : struct, IStore
    {
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
            TStore.Store(f.Invoke(Lanes.Load(a + i), Lanes.Load(b + i), Lanes.Load(c + i)), y + i);
        if (i < length)
        {
            var n = length - i;
            TStore.Store(f.Invoke(Lanes.Load(a + i, n), Lanes.Load(b + i, n), Lanes.Load(c + i, n)), y + i, n);
        }
    }

    /// <summary>How a result meets its destination: overwriting it or added to it.</summary>
    internal interface IStore
    {
        /// <summary>All sixteen lanes.</summary>
        static abstract void Store(Vector512<float> value, float* destination);

        /// <summary>The first <paramref name="count"/> lanes.</summary>
        static abstract void Store(Vector512<float> value, float* destination, int count);
    }

    /// <summary>destination = value.</summary>
    internal readonly struct Overwrite : IStore
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination, int count) => Lanes.Store(value, destination, count);
    }

    /// <summary>destination += value.</summary>
    internal readonly struct Accumulate : IStore
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination) => (Lanes.Load(destination) + value).Store(destination);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<float> value, float* destination, int count)
            => Lanes.Store(Lanes.Load(destination, count) + value, destination, count);
    }
}
