using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// sin and cos, in double inside. Angles from 2^20 on are reduced one by one with as many bits of 2/π as they need.
public static unsafe partial class VectorMath
{
    private const float LargestQuickAngle = 1048576f;

    // 2/π·2^n by 32-bit words: enough for every float.
    private static ReadOnlySpan<uint> TwoOverPi => [0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB];

    /// <summary>y = sin x, x in radians.</summary>
    public static void Sin(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(new SinOperator(0), x, y);

    /// <summary>y = cos x, x in radians.</summary>
    public static void Cos(ReadOnlySpan<float> x, Span<float> y) => Map.Unary(new SinOperator(1), x, y);

    /// <summary>dx = dy·cos x.</summary>
    public static void SinBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(new SinGradient(1), dy, x, dx, accumulate);

    /// <summary>dx = −dy·sin x.</summary>
    public static void CosBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate = false)
        => Map.Binary(new SinGradient(2), dy, x, dx, accumulate);

    // sin(x + quarterTurns·π/2).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sin(Vector512<float> x, long quarterTurns)
    {
        var quick = Vector512.LessThan(Vector512.Abs(x), Vector512.Create(LargestQuickAngle));
        if (!Vector512.EqualsAll(quick.AsInt32(), Vector512<int>.AllBitsSet))
            return SinOfLarge(x, quarterTurns);
        var low = DoubleFormulas.Sin(Vector512.WidenLower(x), quarterTurns);
        var high = DoubleFormulas.Sin(Vector512.WidenUpper(x), quarterTurns);
        var result = Vector512.Narrow(low, high);

        // sin(−0) is −0; the reduction above loses the sign of zero.
        return quarterTurns == 0 ? Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<float>.Zero), x, result) : result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<float> SinOfLarge(Vector512<float> x, long quarterTurns)
    {
        var values = stackalloc float[Lanes.Count];
        x.Store(values);
        for (var i = 0; i < Lanes.Count; i++)
        {
            var value = values[i];
            if (!float.IsFinite(value))
                values[i] = float.NaN;
            else if (MathF.Abs(value) < LargestQuickAngle)
                values[i] = Sin(Vector512.Create(value), quarterTurns).ToScalar();
            else
                values[i] = (float)SinOfLarge(value, quarterTurns);
        }
        return Vector512.Load(values);
    }

    // Payne and Hanek: |x| = m·2^e; m times the 96 bits of 2/π that matter gives x/(π/2) modulo 4 with 62 bits of fraction.
    private static double SinOfLarge(float x, long quarterTurns)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        var exponent = (int)((bits >> 23) & 0xFF) - 150;
        ulong mantissa = (bits & 0x7FFFFF) | 0x800000;

        // Words of 2/π before the bit of weight 2^(−exponent + 2) contribute multiples of four quarter turns.
        var skipped = Math.Max(exponent - 2, 0);
        var index = skipped / 32;
        var shift = skipped % 32;
        var window = Window(index, shift);
        var product = (UInt128)window * mantissa;

        // window = frac(2/π·2^skipped)·2^96, so product·2^(exponent − skipped) is in units of 2^−96.
        product = exponent >= 0 ? product << (exponent - skipped) : product >> -exponent;
        product &= (UInt128.One << 98) - 1;
        var turns = (long)((product + (UInt128.One << 95)) >> 96);
        var fraction = (double)(Int128)(product - ((UInt128)turns << 96)) * 1.2621774483536189e-29 * (Math.PI / 2);
        if (x < 0)
        {
            turns = -turns;
            fraction = -fraction;
        }
        return DoubleFormulas.SinReduced(Vector512.Create(fraction), Vector512.Create(turns + quarterTurns)).ToScalar();
    }

    private static UInt128 Window(int index, int shift)
    {
        var words = TwoOverPi;
        UInt128 value = 0;
        for (var i = 0; i < 4; i++)
            value = (value << 32) | (index + i < words.Length ? words[index + i] : 0);
        return (value << shift) >> 32;
    }

    private readonly struct SinOperator(long quarterTurns) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Sin(x, quarterTurns);
    }

    private readonly struct SinGradient(long quarterTurns) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x) => dy * Sin(x, quarterTurns);
    }
}
