using System.Numerics;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>The k numbers of largest magnitude of a short span; among equals the first ones. NaN counts as larger than infinity.</summary>
public static unsafe class LargestMagnitudes
{
    /// <summary>The longest span: positions fit 16 bits.</summary>
    public const int LongestSpan = 65536;

    /// <summary>Writes the positions, ascending, of the <paramref name="positions"/>.Length numbers of largest magnitude.</summary>
    /// <param name="source">At most 65,536 numbers.</param>
    /// <param name="positions">As many as are wanted, no more than there are numbers.</param>
    /// <exception cref="ArgumentException">More are wanted than there are, or the span is too long.</exception>
    public static void Select(ReadOnlySpan<float> source, Span<ushort> positions)
    {
        if (source.Length > LongestSpan || positions.Length > source.Length)
            throw new ArgumentException($"LargestMagnitudes: {positions.Length} of {source.Length} numbers, expected at most all of at most {LongestSpan}");
        if (positions.IsEmpty)
            return;
        fixed (float* x = source)
        {
            // The k-th largest magnitude, bit by bit from the top: the largest threshold that at least k numbers reach.
            var threshold = 0;
            for (var bit = 30; bit >= 0; bit--)
            {
                var candidate = threshold | (1 << bit);
                if (CountAtLeast(x, source.Length, candidate) >= positions.Length)
                    threshold = candidate;
            }
            var equals = positions.Length - (threshold == int.MaxValue ? 0 : CountAtLeast(x, source.Length, threshold + 1));
            Collect(x, source.Length, threshold, equals, positions);
        }
    }

    private static int CountAtLeast(float* x, int length, int threshold)
    {
        var mask = Vector512.Create(0x7FFFFFFF);
        var least = Vector512.Create(threshold - 1);
        var count = Vector512<int>.Zero;
        var i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
            count -= Vector512.GreaterThan(Lanes.Load(x + i).AsInt32() & mask, least);
        var sum = Vector512.Sum(count);
        for (; i < length; i++)
        {
            if ((BitConverter.SingleToInt32Bits(x[i]) & 0x7FFFFFFF) >= threshold)
                sum++;
        }
        return sum;
    }

    private static void Collect(float* x, int length, int threshold, int equals, Span<ushort> positions)
    {
        var mask = Vector512.Create(0x7FFFFFFF);
        var least = Vector512.Create(threshold - 1);
        var found = 0;
        for (var i = 0; i < length; i += Lanes.Count)
        {
            var count = Math.Min(Lanes.Count, length - i);
            var magnitudes = Lanes.LoadUpTo(x + i, count).AsInt32() & mask;
            var bits = Vector512.GreaterThan(magnitudes, least).ExtractMostSignificantBits() & ((1ul << count) - 1);
            for (; bits != 0; bits &= bits - 1)
            {
                var j = BitOperations.TrailingZeroCount(bits);
                if (magnitudes.GetElement(j) == threshold && equals-- <= 0)
                    continue;
                positions[found++] = (ushort)(i + j);
                if (found == positions.Length)
                    return;
            }
        }
    }
}
