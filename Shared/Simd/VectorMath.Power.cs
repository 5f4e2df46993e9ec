using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// Powers, as C99's pow: in double inside, e^(y·ln|x|), with squares, cubes, roots and reciprocals done exactly rounded step by step.
public static partial class VectorMath
{
    /// <summary>y = x^exponent. 2, 3, ½, −½, 0, 1 and −1 are computed by multiplication, division and root.</summary>
    public static void Pow(ReadOnlySpan<float> x, float exponent, Span<float> y)
    {
        switch (exponent)
        {
            case 0f: y[..x.Length].Fill(1f); break;
            case 1f: x.CopyTo(y); break;
            case 2f: Elementwise.Square(x, y); break;
            case 3f: Map.Unary(default(CubeOperator), x, y); break;
            case 0.5f: Elementwise.Sqrt(x, y); break;
            case -0.5f: Elementwise.Rsqrt(x, y); break;
            case -1f: Elementwise.Reciprocal(x, y); break;
            default: Map.Unary(new PowerOfOperator(exponent), x, y); break;
        }
    }

    /// <summary>y = x^exponent, element by element.</summary>
    public static void Pow(ReadOnlySpan<float> x, ReadOnlySpan<float> exponent, Span<float> y) => Map.Binary(default(PowerOperator), x, exponent, y);

    /// <summary>dx = dy·exponent·x^(exponent − 1); 0 where the exponent is 0.</summary>
    public static void PowBackward(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, float exponent, Span<float> dx, bool accumulate = false)
        => Map.Binary(new PowerGradient(exponent), dy, x, dx, accumulate);

    /// <summary>The gradient of x^exponent for the exponent: dExponent = dy·y·ln x, and 0 where x = 0 and the exponent is not negative.</summary>
    public static void PowExponentBackward(ReadOnlySpan<float> dyTimesY, ReadOnlySpan<float> x, ReadOnlySpan<float> exponent, Span<float> dExponent, bool accumulate = false)
        => Map.Ternary(default(PowerExponentGradient), dyTimesY, x, exponent, dExponent, accumulate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Power(Vector512<float> x, Vector512<float> y)
    {
        var one = Vector512<float>.One;
        var zero = Vector512<float>.Zero;
        var infinity = Vector512.Create(float.PositiveInfinity);
        var magnitude = Vector512.Abs(x);
        var low = DoubleFormulas.Exp(Vector512.WidenLower(y) * DoubleFormulas.Log(Vector512.WidenLower(magnitude)));
        var high = DoubleFormulas.Exp(Vector512.WidenUpper(y) * DoubleFormulas.Log(Vector512.WidenUpper(magnitude)));
        var result = Vector512.Narrow(low, high);

        // |x| = 0 or infinity, where the logarithm above means nothing.
        var negativeExponent = Vector512.LessThan(y, zero);
        result = Vector512.ConditionalSelect(Vector512.Equals(magnitude, zero), negativeExponent & infinity, result);
        result = Vector512.ConditionalSelect(Vector512.Equals(magnitude, infinity), ~negativeExponent & infinity, result);

        // Below zero: odd integers give a negative result, other integers a positive one, the rest NaN. Floats from 2^24 on are even integers.
        var integer = Vector512.Equals(Vector512.Floor(y), y);
        var halved = y * Vector512.Create(0.5f);
        var odd = integer & ~Vector512.Equals(Vector512.Floor(halved), halved);
        result |= odd & x & Vector512.Create(-0f);
        var belowZero = Vector512.LessThan(x, zero) & Vector512.LessThan(magnitude, infinity);
        result = Vector512.ConditionalSelect(belowZero & ~integer, Vector512.Create(float.NaN), result);
        result = Vector512.ConditionalSelect(Vector512.Equals(x, x) & Vector512.Equals(y, y), result, x + y);
        var isOne = Vector512.Equals(x, one) | Vector512.Equals(y, zero) | (Vector512.Equals(x, -one) & Vector512.Equals(Vector512.Abs(y), infinity));
        return Vector512.ConditionalSelect(isOne, one, result);
    }

    private readonly struct CubeOperator : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => x * x * x;
    }

    private readonly struct PowerOfOperator(float exponent) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => Power(x, Vector512.Create(exponent));
    }

    private readonly struct PowerOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x, Vector512<float> exponent) => Power(x, exponent);
    }

    private readonly struct PowerGradient(float exponent) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
        {
            if (exponent == 0f)
                return Vector512<float>.Zero;
            if (exponent == 1f)
                return dy;
            if (exponent == 2f)
                return dy * (x + x);
            if (exponent == 3f)
                return dy * (Vector512.Create(3f) * (x * x));
            return dy * (Vector512.Create(exponent) * Power(x, Vector512.Create(exponent - 1f)));
        }
    }

    private readonly struct PowerExponentGradient : ITernaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> dyTimesY, Vector512<float> x, Vector512<float> exponent)
        {
            var gradient = dyTimesY * Formulas.Log(x);
            var flat = Vector512.Equals(x, Vector512<float>.Zero) & Vector512.GreaterThanOrEqual(exponent, Vector512<float>.Zero);
            return Vector512.ConditionalSelect(flat, Vector512<float>.Zero, gradient);
        }
    }
}
