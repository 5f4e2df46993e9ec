using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// The vector operations that a compute kernel is written in, once, for every <see cref="SimdLevel"/>. Implementations are empty structs, so a kernel
/// that takes one as a type argument compiles to bare instructions.
/// </summary>
/// <typeparam name="TVector">The vector of the level.</typeparam>
internal unsafe interface IVectorOps<TVector>
    where TVector : struct
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>Vectors side by side in a tile of a product: as many as leave 6 rows of accumulators and the operands in registers.</summary>
    static abstract int PanelVectors { get; }

    /// <summary>All lanes zero.</summary>
    static abstract TVector Zero { get; }

    /// <summary>Reads <see cref="Lanes"/> floats.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes <see cref="Lanes"/> floats.</summary>
    static abstract void Store(TVector value, float* target);

    /// <summary>Writes <see cref="Lanes"/> floats past the caches; <paramref name="target"/> is a multiple of their size.</summary>
    static abstract void StorePast(TVector value, float* target);

    /// <summary>One float in all lanes; by pointer, so that it compiles to the load that broadcasts rather than a load and a shuffle.</summary>
    static abstract TVector Broadcast(float* source);

    /// <summary>a·b + c, rounded once; the portable level rounds the product first.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>a + b.</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary>0 where x is below 0, else x: NaN stays NaN.</summary>
    static abstract TVector Relu(TVector x);

    /// <summary>Writes the transpose of a square block of <see cref="Lanes"/> × <see cref="Lanes"/>; distances between rows are in floats.</summary>
    static abstract void Transpose(float* source, nint sourceStride, float* target, nint targetStride);
}

/// <summary>AVX-512: 32 registers hold 6 × 4 accumulators, 4 vectors and a broadcast.</summary>
internal readonly unsafe struct Avx512Ops : IVectorOps<Vector512<float>>
{
    public static int Lanes => 16;

    public static int PanelVectors => 4;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePast(Vector512<float> value, float* target) => value.StoreAlignedNonTemporal(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float* source) => Vector512.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Relu(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);

    // Rows 0, 4, 8, 12 side by side, then 1, 5, 9, 13 and so on, four columns of each, put together by loads: those need no shuffle unit, of which some processors
    // have one. Eight shuffles then give four rows of the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStride, float* target, nint targetStride)
    {
        for (var columns = 0; columns < 4; columns++, source += 4, target += 4 * targetStride)
        {
            Vector512<float> r0 = EveryFourth(source, sourceStride), r1 = EveryFourth(source + sourceStride, sourceStride);
            Vector512<float> r2 = EveryFourth(source + (2 * sourceStride), sourceStride), r3 = EveryFourth(source + (3 * sourceStride), sourceStride);
            Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
            Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
            Avx512F.UnpackLow(low01, low23).AsSingle().Store(target);
            Avx512F.UnpackHigh(low01, low23).AsSingle().Store(target + targetStride);
            Avx512F.UnpackLow(high01, high23).AsSingle().Store(target + (2 * targetStride));
            Avx512F.UnpackHigh(high01, high23).AsSingle().Store(target + (3 * targetStride));
        }
    }

    // Four floats of each of the rows 0, 4, 8 and 12 from here.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> EveryFourth(float* source, nint stride)
    {
        var rows = Vector128.Load(source).ToVector256Unsafe().ToVector512Unsafe();
        rows = Avx512F.InsertVector128(rows, Vector128.Load(source + (4 * stride)), 1);
        rows = Avx512F.InsertVector128(rows, Vector128.Load(source + (8 * stride)), 2);
        return Avx512F.InsertVector128(rows, Vector128.Load(source + (12 * stride)), 3);
    }
}

/// <summary>AVX2 with FMA: 16 registers hold 6 × 2 accumulators, 2 vectors and a broadcast.</summary>
internal readonly unsafe struct Avx2Ops : IVectorOps<Vector256<float>>
{
    public static int Lanes => 8;

    public static int PanelVectors => 2;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePast(Vector256<float> value, float* target) => value.StoreAlignedNonTemporal(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float* source) => Avx.BroadcastScalarToVector256(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Fma.MultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Relu(Vector256<float> x) => Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256<float>.Zero), Vector256<float>.Zero, x);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStride, float* target, nint targetStride)
    {
        Quad(source, sourceStride, out var a0, out var a1, out var a2, out var a3);
        Quad(source + (4 * sourceStride), sourceStride, out var b0, out var b1, out var b2, out var b3);
        Lanes2(a0, b0, target, 4 * targetStride);
        Lanes2(a1, b1, target + targetStride, 4 * targetStride);
        Lanes2(a2, b2, target + (2 * targetStride), 4 * targetStride);
        Lanes2(a3, b3, target + (3 * targetStride), 4 * targetStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        float* source, nint stride, out Vector256<float> column0, out Vector256<float> column1, out Vector256<float> column2, out Vector256<float> column3)
    {
        Vector256<float> r0 = Vector256.Load(source), r1 = Vector256.Load(source + stride);
        Vector256<float> r2 = Vector256.Load(source + (2 * stride)), r3 = Vector256.Load(source + (3 * stride));
        Vector256<double> low01 = Avx.UnpackLow(r0, r1).AsDouble(), high01 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(r2, r3).AsDouble(), high23 = Avx.UnpackHigh(r2, r3).AsDouble();
        column0 = Avx.UnpackLow(low01, low23).AsSingle();
        column1 = Avx.UnpackHigh(low01, low23).AsSingle();
        column2 = Avx.UnpackLow(high01, high23).AsSingle();
        column3 = Avx.UnpackHigh(high01, high23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes2(Vector256<float> a, Vector256<float> b, float* target, nint stride)
    {
        Avx.Permute2x128(a, b, 0x20).Store(target);
        Avx.Permute2x128(a, b, 0x31).Store(target + stride);
    }
}

/// <summary>128-bit vectors through the runtime's portable types: SSE on x64, AdvSimd on Arm64. Multiplies, then adds, whatever the processor has.</summary>
internal readonly unsafe struct PortableOps : IVectorOps<Vector128<float>>
{
    public static int Lanes => 4;

    public static int PanelVectors => 2;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePast(Vector128<float> value, float* target) => value.StoreAlignedNonTemporal(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float* source) => Vector128.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => (a * b) + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Relu(Vector128<float> x) => Vector128.ConditionalSelect(Vector128.LessThan(x, Vector128<float>.Zero), Vector128<float>.Zero, x);

    public static void Transpose(float* source, nint sourceStride, float* target, nint targetStride)
    {
        for (nint row = 0; row < 4; row++)
            for (nint column = 0; column < 4; column++) target[(column * targetStride) + row] = source[(row * sourceStride) + column];
    }
}
