using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DistTrain.Simd;

namespace DistTrain.Benchmarks;

/// <summary>What this machine can do at most: the two bounds that kernels are held against.</summary>
internal static class Machine
{
    private const int Chains = 20; // Independent ones; two units of latency 4 need 8. They must fit the registers: 32 with AVX-512,
    private const int NarrowChains = 12; // 16 otherwise.
    private const int Steps = 100_000;

    private static readonly Lazy<(double Read, double Copy)> Memory = new(() => MeasureMemory(16 << 20)); // 64 MiB each, more than a core's caches hold.
    private static readonly Dictionary<int, double> Traffic = [];

    private static double bestPeak;
    // What the loops compute must go somewhere, or they would be no work.
    public static float Sink { get; private set; }

    /// <summary>
    /// GFLOP/s of one core's multiply-adds at the widest vector of the numerics level. Measured anew at each call, the best so far is kept: a busy machine
    /// then lowers both sides of a ratio alike, and no kernel is flattered by a slow moment.
    /// </summary>
    public static double PeakGflops()
    {
        var level = Numerics.Level;
        var width = level == SimdLevel.Avx512 ? 16 : level == SimdLevel.Avx2 ? 8 : 4;
        var seconds = Measure.Seconds(() => Sink += level == SimdLevel.Avx512 ? Peak512() : level == SimdLevel.Avx2 ? Peak256() : Peak128(), roundSeconds: 0.001);
        var chains = level == SimdLevel.Avx512 ? Chains : NarrowChains;
        return bestPeak = Math.Max(bestPeak, 2.0 * chains * width * Steps / seconds / 1e9);
    }

    /// <summary>GB/s of one core reading an array far larger than the caches.</summary>
    public static double ReadGigabytes => Memory.Value.Read;

    /// <summary>GB/s of one core copying such an array, bytes read and bytes written both counted.</summary>
    public static double CopyGigabytes => Memory.Value.Copy;

    /// <summary>
    /// GB/s that a kernel over so many bytes cannot be expected to pass: the faster of reading and copying arrays that are as large together, and so in the same
    /// cache.
    /// </summary>
    public static double Gigabytes(double bytes)
    {
        // Rounded up to a power of two: few sizes, measured once each.
        var length = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(bytes / 8, 1 << 10, 16 << 20));
        if (Traffic.TryGetValue(length, out var known)) return known;
        var (read, copy) = MeasureMemory(length);
        return Traffic[length] = Math.Max(read, copy);
    }

    private static (double Read, double Copy) MeasureMemory(int length)
    {
        float[] from = new float[length], to = new float[length];
        from.AsSpan().Fill(1);
        var read = Measure.Seconds(() => Sink += ReadAll(from), rounds: 50);
        var copy = Measure.Seconds(() => from.AsSpan().CopyTo(to), rounds: 50);
        return (4.0 * length / read / 1e9, 8.0 * length / copy / 1e9);
    }

    private static float ReadAll(float[] values)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i < values.Length; i += 64)
        {
            a += Vector512.Create(values.AsSpan(i, 16));
            b += Vector512.Create(values.AsSpan(i + 16, 16));
            c += Vector512.Create(values.AsSpan(i + 32, 16));
            d += Vector512.Create(values.AsSpan(i + 48, 16));
        }

        return Vector512.Sum(a + b + c + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Peak512()
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(0.001f);
        Vector512<float> a0 = Vector512.Create(0f), a1 = Vector512.Create(1f), a2 = Vector512.Create(2f), a3 = Vector512.Create(3f), a4 = Vector512.Create(4f);
        Vector512<float> a5 = Vector512.Create(5f), a6 = Vector512.Create(6f), a7 = Vector512.Create(7f), a8 = Vector512.Create(8f), a9 = Vector512.Create(9f);
        Vector512<float> a10 = Vector512.Create(10f), a11 = Vector512.Create(11f), a12 = Vector512.Create(12f), a13 = Vector512.Create(13f), a14 = Vector512.Create(14f);
        Vector512<float> a15 = Vector512.Create(15f), a16 = Vector512.Create(16f), a17 = Vector512.Create(17f), a18 = Vector512.Create(18f), a19 = Vector512.Create(19f);
        for (var step = 0; step < Steps; step++)
        {
            a0 = Avx512F.FusedMultiplyAdd(a0, x, y);
            a1 = Avx512F.FusedMultiplyAdd(a1, x, y);
            a2 = Avx512F.FusedMultiplyAdd(a2, x, y);
            a3 = Avx512F.FusedMultiplyAdd(a3, x, y);
            a4 = Avx512F.FusedMultiplyAdd(a4, x, y);
            a5 = Avx512F.FusedMultiplyAdd(a5, x, y);
            a6 = Avx512F.FusedMultiplyAdd(a6, x, y);
            a7 = Avx512F.FusedMultiplyAdd(a7, x, y);
            a8 = Avx512F.FusedMultiplyAdd(a8, x, y);
            a9 = Avx512F.FusedMultiplyAdd(a9, x, y);
            a10 = Avx512F.FusedMultiplyAdd(a10, x, y);
            a11 = Avx512F.FusedMultiplyAdd(a11, x, y);
            a12 = Avx512F.FusedMultiplyAdd(a12, x, y);
            a13 = Avx512F.FusedMultiplyAdd(a13, x, y);
            a14 = Avx512F.FusedMultiplyAdd(a14, x, y);
            a15 = Avx512F.FusedMultiplyAdd(a15, x, y);
            a16 = Avx512F.FusedMultiplyAdd(a16, x, y);
            a17 = Avx512F.FusedMultiplyAdd(a17, x, y);
            a18 = Avx512F.FusedMultiplyAdd(a18, x, y);
            a19 = Avx512F.FusedMultiplyAdd(a19, x, y);
        }

        return Vector512.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11 + a12 + a13 + a14 + a15 + a16 + a17 + a18 + a19);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Peak256()
    {
        Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(0.001f);
        Vector256<float> a0 = Vector256.Create(0f), a1 = Vector256.Create(1f), a2 = Vector256.Create(2f), a3 = Vector256.Create(3f), a4 = Vector256.Create(4f);
        Vector256<float> a5 = Vector256.Create(5f), a6 = Vector256.Create(6f), a7 = Vector256.Create(7f), a8 = Vector256.Create(8f), a9 = Vector256.Create(9f);
        Vector256<float> a10 = Vector256.Create(10f), a11 = Vector256.Create(11f);
        for (var step = 0; step < Steps; step++)
        {
            a0 = Fma.MultiplyAdd(a0, x, y);
            a1 = Fma.MultiplyAdd(a1, x, y);
            a2 = Fma.MultiplyAdd(a2, x, y);
            a3 = Fma.MultiplyAdd(a3, x, y);
            a4 = Fma.MultiplyAdd(a4, x, y);
            a5 = Fma.MultiplyAdd(a5, x, y);
            a6 = Fma.MultiplyAdd(a6, x, y);
            a7 = Fma.MultiplyAdd(a7, x, y);
            a8 = Fma.MultiplyAdd(a8, x, y);
            a9 = Fma.MultiplyAdd(a9, x, y);
            a10 = Fma.MultiplyAdd(a10, x, y);
            a11 = Fma.MultiplyAdd(a11, x, y);
        }

        return Vector256.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Peak128()
    {
        Vector128<float> x = Vector128.Create(0.999f), y = Vector128.Create(0.001f);
        Vector128<float> a0 = Vector128.Create(0f), a1 = Vector128.Create(1f), a2 = Vector128.Create(2f), a3 = Vector128.Create(3f), a4 = Vector128.Create(4f);
        Vector128<float> a5 = Vector128.Create(5f), a6 = Vector128.Create(6f), a7 = Vector128.Create(7f), a8 = Vector128.Create(8f), a9 = Vector128.Create(9f);
        Vector128<float> a10 = Vector128.Create(10f), a11 = Vector128.Create(11f);
        for (var step = 0; step < Steps; step++)
        {
            a0 = (a0 * x) + y;
            a1 = (a1 * x) + y;
            a2 = (a2 * x) + y;
            a3 = (a3 * x) + y;
            a4 = (a4 * x) + y;
            a5 = (a5 * x) + y;
            a6 = (a6 * x) + y;
            a7 = (a7 * x) + y;
            a8 = (a8 * x) + y;
            a9 = (a9 * x) + y;
            a10 = (a10 * x) + y;
            a11 = (a11 * x) + y;
        }

        return Vector128.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }
}
