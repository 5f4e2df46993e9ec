using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// The sixteen lanes that every element-wise and reduction kernel is written over: a <see cref="Vector512{T}"/> of floats, which the JIT keeps in one
/// AVX-512 register, two AVX registers or four 128-bit registers. One source, one accumulation order, the same bits at every width.
/// </summary>
/// <remarks>
/// No kernel over lanes fuses a multiplication with an addition, so that the portable level, which has no FMA, gives the same bits too. Matrix products are
/// another matter: they belong to a numerics level.
/// </remarks>
internal static unsafe class Lanes
{
    /// <summary>Floats in one step of a kernel.</summary>
    internal const int Count = 16;

    /// <summary>Doubles in one vector of a double-precision kernel.</summary>
    internal const int DoubleCount = 8;

    /// <summary>x·y + z with two roundings: what every machine can do, at the speed of a fused one where additions have units of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> MultiplyAdd(Vector512<float> x, Vector512<float> y, Vector512<float> z) => x * y + z;

    /// <summary>The first <paramref name="count"/> (0 to 15) lanes true.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Mask(int count)
        => Vector512.IsHardwareAccelerated
            ? Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle()
            : Vector512.Load((float*)MaskStart(count));

    /// <summary>Loads sixteen floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Load(float* source) => Vector512.Load(source);

    /// <summary>Loads <paramref name="count"/> (1 to 15) floats, the other lanes zero. Touches no memory beyond them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Load(float* source, int count)
    {
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
            return Avx512F.MaskLoad(source, Mask(count), Vector512<float>.Zero);
        if (Avx.IsSupported)
        {
            var mask = MaskStart(count);
            return Vector512.Create(Avx.MaskLoad(source, Vector256.Load(mask).AsSingle()), Avx.MaskLoad(source + 8, Vector256.Load(mask + 8).AsSingle()));
        }
        return LoadByElement(source, count);
    }

    /// <summary>As <see cref="Load(float*, int)"/>, with <paramref name="fill"/> in the other lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Load(float* source, int count, float fill)
        => Vector512.ConditionalSelect(Mask(count), Load(source, count), Vector512.Create(fill));

    /// <summary>Stores the first <paramref name="count"/> (1 to 15) lanes. Touches no memory beyond them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store(Vector512<float> value, float* destination, int count)
    {
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
        {
            Avx512F.MaskStore(destination, Mask(count), value);
        }
        else
        {
            StoreInPieces(value, destination, count);
        }
    }

    /// <summary>Loads <paramref name="count"/> (1 to 16) floats, the other lanes zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> LoadUpTo(float* source, int count) => count == Count ? Vector512.Load(source) : Load(source, count);

    /// <summary>Stores the first <paramref name="count"/> (1 to 16) lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StoreUpTo(Vector512<float> value, float* destination, int count)
    {
        if (count == Count)
            value.Store(destination);
        else
            Store(value, destination, count);
    }

    /// <summary>The fixed tree over sixteen lanes: (0+8, 1+9, …), then distance 4, 2, 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Sum(Vector512<float> lanes)
    {
        var eight = lanes.GetLower() + lanes.GetUpper();
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>The fixed tree over sixteen double lanes held as 0–7 and 8–15.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static double Sum(Vector512<double> low, Vector512<double> high)
    {
        var eight = low + high;
        var four = eight.GetLower() + eight.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>The largest lane; NaN where any lane is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Max(Vector512<float> lanes)
    {
        var eight = Vector256.Max(lanes.GetLower(), lanes.GetUpper());
        var four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        var two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3)));
        return MathF.Max(two.GetElement(0), two.GetElement(1));
    }

    /// <summary>The largest lane where there is no NaN; one of the lanes where there is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float MaxNative(Vector512<float> lanes)
    {
        var eight = Vector256.MaxNative(lanes.GetLower(), lanes.GetUpper());
        var four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        var two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 1, 1, 1))).ToScalar();
    }

    /// <summary>The smallest lane; NaN where any lane is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Min(Vector512<float> lanes)
    {
        var eight = Vector256.Min(lanes.GetLower(), lanes.GetUpper());
        var four = Vector128.Min(eight.GetLower(), eight.GetUpper());
        var two = Vector128.Min(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3)));
        return MathF.Min(two.GetElement(0), two.GetElement(1));
    }

    /// <summary>
    /// Asks for the line 2 KiB ahead of a stream. Four and more streams at once are too many for the hardware to follow: measured on 5.8 million parameters, an
    /// SGD step with momentum takes 1.9 ms instead of 2.6, AdamW 2.5 instead of 3.0. Past the end of an array it does nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Prefetch(float* stream)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(stream + 512);
    }

    /// <summary>The low halves of sixteen words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ushort> Narrow(Vector512<uint> words)
        => Avx512F.IsSupported && Vector512.IsHardwareAccelerated ? Avx512F.ConvertToVector256UInt16(words) : Vector256.Narrow(words.GetLower(), words.GetUpper());

    /// <summary>The low bytes of sixteen words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<sbyte> NarrowToBytes(Vector512<int> words)
    {
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
            return Avx512F.ConvertToVector128SByte(words);
        var halves = Vector256.Narrow(words.GetLower(), words.GetUpper());
        return Vector128.Narrow(halves.GetLower(), halves.GetUpper());
    }

    /// <summary>Throws where two lengths that must agree do not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void RequireLength(string kernel, string name, int length, int expected)
    {
        if (length < expected)
            ThrowLength(kernel, name, length, expected);
    }

    /// <summary>As <see cref="RequireLength(string, string, int, int)"/> for an operator's loop; its name is looked up only to be thrown.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void RequireLength<TOperator>(string name, int length, int expected)
    {
        if (length < expected)
            ThrowLength(typeof(TOperator).Name, name, length, expected);
    }

    private static void ThrowLength(string kernel, string name, int length, int expected)
        => throw new ArgumentException($"{kernel}: {name} has {length} elements, expected at least {expected}");

    // Sixteen times all bits, then sixteen times none: from 16 − count on, a mask of the first `count` lanes. Constant data of the assembly does not move.
    private static ReadOnlySpan<int> MaskWindow => [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* MaskStart(int count) => (int*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(MaskWindow)) + (Count - count);

    // Through a small buffer: a vector whose other lanes are zero, without reading past the end.
    private static Vector512<float> LoadByElement(float* source, int count)
    {
        var buffer = stackalloc float[Count];
        for (var i = 0; i < Count; i++)
            buffer[i] = i < count ? source[i] : 0f;
        return Vector512.Load(buffer);
    }

    // By eight, four, two and one, as the bits of the count say: masked stores of AVX are many times slower on some processors.
    private static void StoreInPieces(Vector512<float> value, float* destination, int count)
    {
        var eight = value.GetLower();
        if ((count & 8) != 0)
        {
            eight.Store(destination);
            destination += 8;
            eight = value.GetUpper();
        }
        var four = eight.GetLower();
        if ((count & 4) != 0)
        {
            four.Store(destination);
            destination += 4;
            four = eight.GetUpper();
        }
        if ((count & 2) != 0)
        {
            Unsafe.WriteUnaligned(destination, four.AsInt64().ToScalar());
            destination += 2;
            four = Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        }
        if ((count & 1) != 0)
            *destination = four.ToScalar();
    }
}
