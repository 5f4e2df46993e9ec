using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// What a reduction of gradients is made of. Each product and each sum is rounded by itself (no fused multiply-add), and every element is computed alike wherever a slice is cut.
/// </summary>
public static class GradientKernels
{
    private const int Lanes = 16;

    /// <summary>destination[i] = a[i] · aScale + b[i] · bScale. All lengths are equal; <paramref name="destination"/> may be <paramref name="a"/> or <paramref name="b"/> itself.</summary>
    public static void ScaledSum(ReadOnlySpan<float> a, float aScale, ReadOnlySpan<float> b, float bScale, Span<float> destination)
    {
        CheckLengths(a.Length, b.Length, destination.Length);
        ref float x = ref MemoryMarshal.GetReference(a);
        ref float y = ref MemoryMarshal.GetReference(b);
        ref float z = ref MemoryMarshal.GetReference(destination);
        var scaleX = Vector512.Create(aScale);
        var scaleY = Vector512.Create(bScale);
        int i = 0;
        for (; i <= destination.Length - Lanes; i += Lanes)
        {
            var sum = Vector512.LoadUnsafe(ref x, (nuint)i) * scaleX + Vector512.LoadUnsafe(ref y, (nuint)i) * scaleY;
            sum.StoreUnsafe(ref z, (nuint)i);
        }
        for (; i < destination.Length; i++) Unsafe.Add(ref z, i) = Unsafe.Add(ref x, i) * aScale + Unsafe.Add(ref y, i) * bScale;
    }

    /// <summary>destination[i] = a[i] · scale. Lengths are equal; the two may be the same.</summary>
    public static void Scale(ReadOnlySpan<float> a, float scale, Span<float> destination)
    {
        CheckLengths(a.Length, a.Length, destination.Length);
        ref float x = ref MemoryMarshal.GetReference(a);
        ref float z = ref MemoryMarshal.GetReference(destination);
        var factor = Vector512.Create(scale);
        int i = 0;
        for (; i <= destination.Length - Lanes; i += Lanes) (Vector512.LoadUnsafe(ref x, (nuint)i) * factor).StoreUnsafe(ref z, (nuint)i);
        for (; i < destination.Length; i++) Unsafe.Add(ref z, i) = Unsafe.Add(ref x, i) * scale;
    }

    /// <summary>Whether no element is infinite or not a number.</summary>
    public static bool AllFinite(ReadOnlySpan<float> values)
    {
        ref float x = ref MemoryMarshal.GetReference(values);
        var exponent = Vector512.Create(0x7F800000);
        int i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
            if (Vector512.EqualsAny(Vector512.LoadUnsafe(ref x, (nuint)i).AsInt32() & exponent, exponent)) return false;
        for (; i < values.Length; i++)
            if (!float.IsFinite(Unsafe.Add(ref x, i))) return false;
        return true;
    }

    private static void CheckLengths(int a, int b, int destination)
    {
        if (a != destination || b != destination)
            throw new ArgumentException($"gradient kernel: lengths {a}, {b} and {destination} differ");
    }
}
