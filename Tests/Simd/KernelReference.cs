namespace DistTrain.Tests.Simd;

/// <summary>What the kernel tests compare with: functions in double precision, and distances in units of the last place.</summary>
internal static class KernelReference
{
    /// <summary>Numbers of every exponent and both signs, with the mantissas where formulas change branch, and the special values.</summary>
    public static float[] AllExponents(int perExponent, int seed = 1)
    {
        var random = new Random(seed);
        var values = new List<float> { 0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue };
        for (uint exponent = 0; exponent < 255; exponent++)
        {
            for (var i = 0; i < perExponent; i++)
            {
                var mantissa = i switch { 0 => 0u, 1 => 0x7FFFFFu, 2 => 0x3504F3u, 3 => 0x3504F4u, _ => (uint)random.Next(0x800000) };
                var value = BitConverter.UInt32BitsToSingle((exponent << 23) | mantissa);
                values.Add(value);
                values.Add(-value);
            }
        }
        return [.. values];
    }

    /// <summary>The distance of a float from an exact value, in units of the last place of the correctly rounded result.</summary>
    public static double Ulps(float actual, double exact)
    {
        var rounded = (float)exact;
        if (float.IsNaN(rounded) || float.IsNaN(actual))
            return float.IsNaN(rounded) && float.IsNaN(actual) ? 0 : double.PositiveInfinity;
        if (actual == rounded)
            return 0;
        if (float.IsInfinity(rounded) || float.IsInfinity(actual))
            return float.IsInfinity(rounded) && MathF.Abs(actual) == float.MaxValue || float.IsInfinity(actual) && MathF.Abs(rounded) == float.MaxValue ? 1 : double.PositiveInfinity;
        var unit = (double)MathF.BitIncrement(MathF.Abs(rounded)) - MathF.Abs(rounded);
        if (double.IsInfinity(unit))
            unit = Math.Pow(2, 104);
        return Math.Abs(actual - exact) / unit;
    }

    /// <summary>erf in double: a series below 2.5, a continued fraction above.</summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x))
            return x;
        var a = Math.Abs(x);
        if (a > 6.5)
            return Math.Sign(x);
        if (a < 2.5)
        {
            double term = x, sum = x;
            for (var n = 1; n < 200 && Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }
            return sum * 2 / Math.Sqrt(Math.PI);
        }
        double fraction = 0;
        for (var n = 60; n > 0; n--)
            fraction = n / 2.0 / (a + fraction);
        return Math.Sign(x) * (1 - Math.Exp(-a * a) / (a + fraction) / Math.Sqrt(Math.PI));
    }

    public static float[] Normal(int length, int seed, double scale = 1)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (var i = 0; i < length; i++)
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()));
        return values;
    }

    public static void Close(double expected, float actual, double tolerance, string what)
        => Assert.True(Math.Abs(expected - actual) <= tolerance * (1 + Math.Abs(expected)), $"{what}: expected {expected:R}, was {actual:R}");

    public static void Close(double[] expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Close(expected[i], actual[i], tolerance, $"{what}[{i}]");
    }
}
