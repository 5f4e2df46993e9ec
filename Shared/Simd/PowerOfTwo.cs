using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Simd;

/// <summary>
/// value·2^k for a whole number k in [−250, 250], rounded once, also where the result is subnormal: by AVX-512's instruction, or as a product with two powers, of which
/// only the last can round.
/// </summary>
internal static class PowerOfTwo
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Scale(Vector512<float> value, Vector512<float> k)
        => Avx512F.IsSupported ? Avx512F.Scale(value, k) : Vector512.Create(Scale(value.GetLower(), k.GetLower()), Scale(value.GetUpper(), k.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Scale(Vector256<float> value, Vector256<float> k)
    {
        var whole = Vector256.ConvertToInt32Native(k);
        var half = whole >> 1;
        var first = ((half + Vector256.Create(127)) << 23).AsSingle();
        var second = ((whole - half + Vector256.Create(127)) << 23).AsSingle();
        return value * first * second;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Scale(Vector128<float> value, Vector128<float> k)
    {
        var whole = Vector128.ConvertToInt32Native(k);
        var half = whole >> 1;
        var first = ((half + Vector128.Create(127)) << 23).AsSingle();
        var second = ((whole - half + Vector128.Create(127)) << 23).AsSingle();
        return value * first * second;
    }
}
