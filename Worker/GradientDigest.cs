using System.Numerics;
using System.Runtime.InteropServices;

namespace DistTrain.Worker;

/// <summary>A 64-bit digest of a gradient's bits (FNV-1a over 64-bit words, then mixed): tells two answers to the same name apart.</summary>
internal static class GradientDigest
{
    public static ulong Of(ReadOnlySpan<float> values)
    {
        ulong hash = 14695981039346656037UL;
        var words = MemoryMarshal.Cast<float, ulong>(values);
        foreach (ulong word in words) hash = BitOperations.RotateLeft((hash ^ word) * 1099511628211UL, 29);
        if ((values.Length & 1) != 0) hash = (hash ^ BitConverter.SingleToUInt32Bits(values[^1])) * 1099511628211UL;
        return hash ^ (hash >> 32);
    }
}
