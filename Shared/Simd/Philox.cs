using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): random numbers as pure functions of a key and a
/// counter. Nothing is drawn "next", so numbers never depend on who draws them, when, or in which pieces.
/// </summary>
/// <remarks>
/// A stream of 32-bit words is laid out for sixteen lanes: words 64·b + 16·w + j (b ≥ 0, w in 0–3, j in 0–15) are output word w of the counter
/// (16·b + j, stream). Fills and dropout use word i for element i.
/// </remarks>
[SkipLocalsInit]
public static unsafe partial class Philox
{
    internal const int BlockWords = 64;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    // 2^-24: the spacing of uniform numbers.
    private const float UniformUnit = 5.9604644775390625e-8f;

    /// <summary>The four output words for one counter and key, as the paper's philox4x32(10).</summary>
    public static (uint X, uint Y, uint Z, uint W) Generate(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>The four output words for counter number <paramref name="counter"/> of a stream.</summary>
    public static (uint X, uint Y, uint Z, uint W) Generate(RandomKey key, ulong counter)
        => Generate((uint)counter, (uint)(counter >> 32), (uint)key.Stream, (uint)(key.Stream >> 32), (uint)key.Key, (uint)(key.Key >> 32));

    /// <summary>One uniform number in [0, 1), a multiple of 2⁻²⁴, for counter number <paramref name="counter"/> of a stream.</summary>
    public static float Uniform(RandomKey key, ulong counter) => (Generate(key, counter).X >> 8) * UniformUnit;

    /// <summary>One integer in [0, <paramref name="bound"/>), every value exactly as likely, for counter number <paramref name="counter"/> of a stream.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is 0.</exception>
    public static ulong Below(RandomKey key, ulong counter, ulong bound)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);

        // Lemire's multiply and reject (2019); each rejection moves to a derived stream, so a number still depends on (key, counter) alone.
        for (ulong attempt = 0; ; attempt++)
        {
            var stream = attempt == 0 ? key : key.Derive(attempt);
            var (x, y, _, _) = Generate(stream, counter);
            var high = Math.BigMul(((ulong)x << 32) | y, bound, out var low);
            if (low >= bound || low >= unchecked(0 - bound) % bound)
                return high;
        }
    }

    /// <summary>Fills <paramref name="destination"/> with the permutation of 0 … length − 1 that belongs to <paramref name="key"/> (Fisher–Yates, unbiased).</summary>
    public static void Permutation(Span<int> destination, RandomKey key)
    {
        for (var i = 0; i < destination.Length; i++)
            destination[i] = i;
        Shuffle(destination, key);
    }

    /// <summary>Shuffles <paramref name="values"/> in place by the permutation that belongs to <paramref name="key"/> and the length.</summary>
    public static void Shuffle<T>(Span<T> values, RandomKey key)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = (int)Below(key, (ulong)i, (ulong)i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>Words <paramref name="offset"/> … of the stream, one for each element.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="offset"/> is negative.</exception>
    public static void FillWords(Span<uint> destination, RandomKey key, long offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var block = stackalloc uint[BlockWords];
        var done = 0;
        while (done < destination.Length)
        {
            var within = (int)((offset + done) % BlockWords);
            var count = Math.Min(BlockWords - within, destination.Length - done);
            Block(key, (offset + done) / BlockWords, block);
            new ReadOnlySpan<uint>(block + within, count).CopyTo(destination[done..]);
            done += count;
        }
    }

    /// <summary>The 64 words of block <paramref name="block"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block(RandomKey key, long block, uint* words)
    {
        Block(key, block, out var x, out var y, out var z, out var w);
        x.Store(words);
        y.Store(words + 16);
        z.Store(words + 32);
        w.Store(words + 48);
    }

    /// <summary>The 64 words of block <paramref name="block"/>, sixteen to a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block(RandomKey key, long block, out Vector512<uint> c0, out Vector512<uint> c1, out Vector512<uint> c2, out Vector512<uint> c3)
    {
        // The low word of 16·block is a multiple of 16: adding the lane number never carries into the high word.
        var first = (ulong)block * Lanes.Count;
        c0 = Vector512.Create((uint)first) + LaneNumbers;
        c1 = Vector512.Create((uint)(first >> 32));
        c2 = Vector512.Create((uint)key.Stream);
        c3 = Vector512.Create((uint)(key.Stream >> 32));
        var k0 = (uint)key.Key;
        var k1 = (uint)(key.Key >> 32);
        for (var round = 0; round < Rounds; round++)
        {
            var high0 = MultiplyHigh(c0, Multiplier0);
            var high1 = MultiplyHigh(c2, Multiplier1);
            var low0 = c0 * Vector512.Create(Multiplier0);
            var low1 = c2 * Vector512.Create(Multiplier1);
            c0 = high1 ^ c1 ^ Vector512.Create(k0);
            c1 = low1;
            c2 = high0 ^ c3 ^ Vector512.Create(k1);
            c3 = low0;
            k0 += Weyl0;
            k1 += Weyl1;
        }
    }

    // Vector512.Indices is a slow loop where there are no such registers.
    private static Vector512<uint> LaneNumbers
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(Vector256.Create(0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u), Vector256.Create(8u, 9u, 10u, 11u, 12u, 13u, 14u, 15u));
    }

    // The high halves of sixteen 32×32-bit products: even and odd lanes multiplied apart as 64-bit numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> MultiplyHigh(Vector512<uint> x, uint multiplier)
    {
        var even = MultiplyEven(x, multiplier) >> 32;
        var odd = MultiplyEven((x.AsUInt64() >> 32).AsUInt32(), multiplier);
        return (even | (odd & Vector512.Create(0xFFFFFFFF00000000UL))).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> MultiplyEven(Vector512<uint> x, uint multiplier)
    {
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
            return Avx512F.Multiply(x, Vector512.Create(multiplier));
        if (Avx2.IsSupported)
        {
            var m = Vector256.Create(multiplier);
            return Vector512.Create(Avx2.Multiply(x.GetLower(), m), Avx2.Multiply(x.GetUpper(), m));
        }
        return (x.AsUInt64() & Vector512.Create(0xFFFFFFFFUL)) * Vector512.Create((ulong)multiplier);
    }
}
