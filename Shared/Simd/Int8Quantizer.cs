using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Floats as signed bytes under one scale: q = ⌊x/scale⌋ or one more, the latter with the probability of the fraction, so that scale·q is x on average
/// (stochastic rounding, as in Alistarh et al., "QSGD", 2017). The random numbers are words of a Philox stream, by element.
/// </summary>
public static unsafe class Int8Quantizer
{
    /// <summary>The largest magnitude of a quantized number; −128 is never written.</summary>
    public const int Largest = 127;

    // 64 words of a Philox block, each split into two 16-bit numbers.
    private const int GroupLength = 2 * Philox.BlockWords;

    // Below it a scale has no full precision; such numbers are sent as zero.
    private const float SmallestScale = 1.17549435e-38f;

    /// <summary>Quantizes a span under the scale max|x|/127 and returns that scale; 0 where everything is (nearly) zero, NaN where anything is not finite.</summary>
    /// <param name="source">n floats.</param>
    /// <param name="destination">At least n numbers.</param>
    /// <param name="key">The stream to draw from.</param>
    /// <param name="offset">The stream's element that <paramref name="source"/> starts with; a multiple of 128.</param>
    public static float Quantize(ReadOnlySpan<float> source, Span<sbyte> destination, RandomKey key, long offset)
    {
        Lanes.RequireLength(nameof(Quantize), nameof(destination), destination.Length, source.Length);
        if (offset < 0 || offset % GroupLength != 0)
            throw new ArgumentException($"Quantize: offset was {offset}, expected a multiple of {GroupLength}");
        destination = destination[..source.Length];
        var scale = LargestMagnitude(source) / Largest;
        if (!float.IsFinite(scale) || scale < SmallestScale)
        {
            destination.Clear();
            return float.IsFinite(scale) ? 0f : float.NaN;
        }
        fixed (float* x = source)
        fixed (sbyte* q = destination)
        {
            var part = stackalloc float[GroupLength];
            var numbers = stackalloc sbyte[GroupLength];
            var i = 0;
            for (; i <= source.Length - GroupLength; i += GroupLength)
                Group(x + i, q + i, scale, key, (offset + i) / GroupLength);
            if (i < source.Length)
            {
                new Span<float>(part, GroupLength).Clear();
                source[i..].CopyTo(new Span<float>(part, GroupLength));
                Group(part, numbers, scale, key, (offset + i) / GroupLength);
                new Span<sbyte>(numbers, source.Length - i).CopyTo(destination[i..]);
            }
        }
        return scale;
    }

    /// <summary>x = scale·q.</summary>
    public static void Dequantize(ReadOnlySpan<sbyte> source, float scale, Span<float> destination)
    {
        Lanes.RequireLength(nameof(Dequantize), nameof(source), source.Length, destination.Length);
        var factor = Vector512.Create(scale);
        fixed (sbyte* q = source)
        fixed (float* x = destination)
        {
            var i = 0;
            for (; i <= destination.Length - Lanes.Count; i += Lanes.Count)
            {
                var words = Vector256.WidenLower(Vector128.Load(q + i).ToVector256Unsafe());
                var integers = Vector512.WidenLower(words.ToVector512Unsafe());
                (Vector512.ConvertToSingle(integers) * factor).Store(x + i);
            }
            for (; i < destination.Length; i++)
                x[i] = q[i] * scale;
        }
    }

    /// <summary>Whether every number is at least −127.</summary>
    public static bool IsInRange(ReadOnlySpan<sbyte> source) => !source.Contains(sbyte.MinValue);

    /// <summary>max|x|; NaN where any x is NaN.</summary>
    public static float LargestMagnitude(ReadOnlySpan<float> source)
    {
        // Magnitudes order as their bits do, infinity and NaN above all others.
        var mask = Vector512.Create(0x7FFFFFFF);
        var largest = Vector512<int>.Zero;
        fixed (float* x = source)
        {
            var i = 0;
            for (; i <= source.Length - Lanes.Count; i += Lanes.Count)
                largest = Vector512.Max(largest, Lanes.Load(x + i).AsInt32() & mask);
            if (i < source.Length)
                largest = Vector512.Max(largest, Lanes.Load(x + i, source.Length - i).AsInt32() & mask);
        }
        var bits = 0;
        for (var j = 0; j < Lanes.Count; j++)
            bits = Math.Max(bits, largest.GetElement(j));
        return BitConverter.Int32BitsToSingle(bits);
    }

    private static void Group(float* x, sbyte* q, float scale, RandomKey key, long block)
    {
        Philox.Block(key, block, out var a, out var b, out var c, out var d);
        Part(x, q, scale, a);
        Part(x + 32, q + 32, scale, b);
        Part(x + 64, q + 64, scale, c);
        Part(x + 96, q + 96, scale, d);
    }

    /// <summary>32 elements: the first sixteen take the words' low halves, the others the high halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Part(float* x, sbyte* q, float scale, Vector512<uint> words)
    {
        Lanes.NarrowToBytes(Round(Lanes.Load(x), scale, words & Vector512.Create(0xFFFFu))).Store(q);
        Lanes.NarrowToBytes(Round(Lanes.Load(x + Lanes.Count), scale, words >> 16)).Store(q + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Round(Vector512<float> x, float scale, Vector512<uint> random)
    {
        // The fraction is exact; random + ½ of 65,536ths lies evenly in (0, 1).
        var y = x / Vector512.Create(scale);
        var floor = Vector512.Floor(y);
        var threshold = (Vector512.ConvertToSingle(random.AsInt32()) + Vector512.Create(0.5f)) * Vector512.Create(1f / 65536f);
        var up = Vector512.GreaterThan(y - floor, threshold).AsInt32();
        var q = Vector512.ConvertToInt32Native(floor) - up;
        return Vector512.Max(Vector512.Min(q, Vector512.Create(Largest)), Vector512.Create(-Largest));
    }
}
