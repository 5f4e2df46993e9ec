using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>How sixteen windows of a row that lie 1 or 2 columns apart are read at once, one element of each.</summary>
internal unsafe interface IPoolStride
{
    /// <summary>Sixteen elements, this many apart; touches nothing behind the last one.</summary>
    static abstract Vector512<float> Load(float* source);
}

/// <summary>Windows side by side.</summary>
internal readonly unsafe struct PoolStride1 : IPoolStride
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);
}

/// <summary>Windows two columns apart.</summary>
internal readonly unsafe struct PoolStride2 : IPoolStride
{
    // The last element lies 30 behind the first: the second vector begins at 15, not 16, and takes its odd places, so as not to read a place too many.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source)
    {
        Vector512<float> low = Vector512.Load(source), high = Vector512.Load(source + 15);
        if (Avx512F.IsSupported)
            return Avx512F.PermuteVar16x32x2(low, Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31), high);
        return Vector512.Create(
            Vector256.Create(Even(low.GetLower()), Even(low.GetUpper())), Vector256.Create(Odd(high.GetLower()), Odd(high.GetUpper())));
    }

    /// <summary>Sixteen pairs side by side, apart; with AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(float* source, out Vector512<float> even, out Vector512<float> odd)
    {
        Vector512<float> low = Vector512.Load(source), high = Vector512.Load(source + 16);
        even = Avx512F.PermuteVar16x32x2(low, Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), high);
        odd = Avx512F.PermuteVar16x32x2(low, Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Even(Vector256<float> x) => Vector256.Shuffle(x, Vector256.Create(0, 2, 4, 6, 0, 0, 0, 0)).GetLower();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Odd(Vector256<float> x) => Vector256.Shuffle(x, Vector256.Create(1, 3, 5, 7, 0, 0, 0, 0)).GetLower();
}
