using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>The sum of a span in the library's fixed order: 16 lanes, lane j taking elements j, j + 16, …, then combined pairwise (0+8, 1+9, …, 4, 2, 1).</summary>
internal static class LaneSum
{
    /// <summary>Sums <paramref name="values"/>; 0 for none. The same bits at every vector width.</summary>
    public static float Of(ReadOnlySpan<float> values)
    {
        var low = Vector256<float>.Zero;
        var high = Vector256<float>.Zero;
        var i = 0;
        for (; i <= values.Length - 16; i += 16)
        {
            low += Vector256.Create(values.Slice(i, 8));
            high += Vector256.Create(values.Slice(i + 8, 8));
        }

        if (i < values.Length)
        {
            Span<float> rest = stackalloc float[16];
            rest.Clear();
            values[i..].CopyTo(rest);
            low += Vector256.Create(rest[..8]);
            high += Vector256.Create(rest[8..]);
        }

        var eight = low + high;
        var four = eight.GetLower() + eight.GetUpper();
        return (four[0] + four[2]) + (four[1] + four[3]);
    }
}
