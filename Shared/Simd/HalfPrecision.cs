using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// Floats as 16 bits and back: bfloat16 (8 exponent, 7 fraction bits) and IEEE 754 binary16 (5 and 10). Rounded to nearest, ties to even; subnormal numbers are kept;
/// what exceeds the range becomes infinite; a NaN stays one. Stored little-endian.
/// </summary>
public static unsafe class HalfPrecision
{
    /// <summary>Writes each float as bfloat16.</summary>
    /// <param name="source">n floats.</param>
    /// <param name="destination">At least 2·n bytes.</param>
    public static void ToBfloat16(ReadOnlySpan<float> source, Span<byte> destination) => Encode<Bfloat16>(source, destination);

    /// <summary>Reads bfloat16 numbers; exact.</summary>
    /// <param name="source">At least 2·n bytes.</param>
    /// <param name="destination">n floats.</param>
    public static void FromBfloat16(ReadOnlySpan<byte> source, Span<float> destination) => Decode<Bfloat16>(source, destination);

    /// <summary>Writes each float as binary16; 65,520 and more become infinite.</summary>
    /// <param name="source">n floats.</param>
    /// <param name="destination">At least 2·n bytes.</param>
    public static void ToBinary16(ReadOnlySpan<float> source, Span<byte> destination) => Encode<Binary16>(source, destination);

    /// <summary>Reads binary16 numbers; exact.</summary>
    /// <param name="source">At least 2·n bytes.</param>
    /// <param name="destination">n floats.</param>
    public static void FromBinary16(ReadOnlySpan<byte> source, Span<float> destination) => Decode<Binary16>(source, destination);

    private static void Encode<TFormat>(ReadOnlySpan<float> source, Span<byte> destination)
        where TFormat : struct, IFormat
    {
        Lanes.RequireLength(typeof(TFormat).Name, nameof(destination), destination.Length / 2, source.Length);
        fixed (float* x = source)
        fixed (byte* bytes = destination)
        {
            var y = (ushort*)bytes;
            var i = 0;
            for (; i <= source.Length - Lanes.Count; i += Lanes.Count)
                Lanes.Narrow(TFormat.Encode(Lanes.Load(x + i).AsUInt32())).Store(y + i);
            for (; i < source.Length; i += Lanes.Count)
            {
                var count = Math.Min(Lanes.Count, source.Length - i);
                var words = TFormat.Encode(Lanes.LoadUpTo(x + i, count).AsUInt32());
                for (var j = 0; j < count; j++)
                    y[i + j] = (ushort)words.GetElement(j);
            }
        }
    }

    private static void Decode<TFormat>(ReadOnlySpan<byte> source, Span<float> destination)
        where TFormat : struct, IFormat
    {
        Lanes.RequireLength(typeof(TFormat).Name, nameof(source), source.Length / 2, destination.Length);
        fixed (byte* bytes = source)
        fixed (float* y = destination)
        {
            var x = (ushort*)bytes;
            var i = 0;
            for (; i <= destination.Length - 2 * Lanes.Count; i += 2 * Lanes.Count)
            {
                var (low, high) = Vector512.Widen(Vector512.Load(x + i));
                TFormat.Decode(low).Store(y + i);
                TFormat.Decode(high).Store(y + i + Lanes.Count);
            }
            var rest = stackalloc uint[Lanes.Count];
            for (; i < destination.Length; i += Lanes.Count)
            {
                var count = Math.Min(Lanes.Count, destination.Length - i);
                for (var j = 0; j < Lanes.Count; j++)
                    rest[j] = j < count ? x[i + j] : 0u;
                Lanes.StoreUpTo(TFormat.Decode(Vector512.Load(rest)), y + i, count);
            }
        }
    }

    /// <summary>A 16-bit format: float bits to the low halves of words, and back.</summary>
    private interface IFormat
    {
        static abstract Vector512<uint> Encode(Vector512<uint> bits);

        static abstract Vector512<float> Decode(Vector512<uint> words);
    }

    private readonly struct Bfloat16 : IFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Encode(Vector512<uint> bits)
        {
            // Adding half of the dropped part, less one where the kept part is even, carries exactly when nearest-even rounds up.
            var odd = (bits >> 16) & Vector512.Create(1u);
            var rounded = (bits + Vector512.Create(0x7FFFu) + odd) >> 16;
            var isNaN = Vector512.GreaterThan((bits & Vector512.Create(0x7FFFFFFFu)).AsInt32(), Vector512.Create(0x7F800000)).AsUInt32();
            var quiet = (bits >> 16) | Vector512.Create(0x40u);
            return Vector512.ConditionalSelect(isNaN, quiet, rounded);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Decode(Vector512<uint> words) => (words << 16).AsSingle();
    }

    // The conversions of F. Giesen, "float->half variants" (2012), which let one exact addition do the rounding of subnormal numbers.
    private readonly struct Binary16 : IFormat
    {
        private const uint SubnormalMagic = ((127 - 15) + (23 - 10) + 1) << 23;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Encode(Vector512<uint> bits)
        {
            var magnitude = bits & Vector512.Create(0x7FFFFFFFu);
            var sign = (bits ^ magnitude) >> 16;
            var odd = (magnitude >> 13) & Vector512.Create(1u);
            var normal = (magnitude + Vector512.Create(unchecked((uint)((15 - 127) << 23)) + 0xFFFu) + odd) >> 13;
            var subnormal = (magnitude.AsSingle() + Vector512.Create(SubnormalMagic).AsSingle()).AsUInt32() - Vector512.Create(SubnormalMagic);
            var isSmall = Vector512.LessThan(magnitude.AsInt32(), Vector512.Create(113 << 23)).AsUInt32();
            var isLarge = Vector512.GreaterThanOrEqual(magnitude.AsInt32(), Vector512.Create(143 << 23)).AsUInt32();
            var isNaN = Vector512.GreaterThan(magnitude.AsInt32(), Vector512.Create(0x7F800000)).AsUInt32();
            var special = Vector512.ConditionalSelect(isNaN, Vector512.Create(0x7E00u), Vector512.Create(0x7C00u));
            return Vector512.ConditionalSelect(isLarge, special, Vector512.ConditionalSelect(isSmall, subnormal, normal)) | sign;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Decode(Vector512<uint> words)
        {
            var sign = (words & Vector512.Create(0x8000u)) << 16;
            var shifted = (words & Vector512.Create(0x7FFFu)) << 13;
            var exponent = shifted & Vector512.Create(0x7C00u << 13);
            var normal = shifted + Vector512.Create((127u - 15u) << 23);
            var special = normal + Vector512.Create((128u - 16u) << 23);
            var subnormal = ((normal + Vector512.Create(1u << 23)).AsSingle() - Vector512.Create(113u << 23).AsSingle()).AsUInt32();
            var value = Vector512.ConditionalSelect(Vector512.Equals(exponent, Vector512.Create(0x7C00u << 13)), special, normal);
            value = Vector512.ConditionalSelect(Vector512.Equals(exponent, Vector512<uint>.Zero), subnormal, value);
            return (value | sign).AsSingle();
        }
    }
}
