using DistTrain.Simd;
using Xunit.Abstractions;

namespace DistTrain.Tests.Simd;

public class VectorMathTests(ITestOutputHelper output)
{
    private delegate void Function(ReadOnlySpan<float> x, Span<float> y);

    [Theory]
    [InlineData("exp", 2.0)]
    [InlineData("log", 2.0)]
    [InlineData("tanh", 2.0)]
    [InlineData("sigmoid", 2.5)]
    [InlineData("erf", 2.0)]
    [InlineData("sin", 0.51)]
    [InlineData("cos", 0.51)]
    public void Function_is_within_its_bound_over_all_exponents(string name, double bound)
    {
        var (function, exact) = Find(name);
        var x = KernelReference.AllExponents(400).Concat(Dense(name)).ToArray();
        var y = new float[x.Length];
        function(x, y);
        double worst = 0;
        float worstAt = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var ulps = KernelReference.Ulps(y[i], exact(x[i]));
            if (ulps > worst)
                (worst, worstAt) = (ulps, x[i]);
        }
        output.WriteLine($"{name}: {worst:F3} ulp at {worstAt:R}");
        Assert.True(worst <= bound, $"{name}: {worst:F3} ulp at {worstAt:R}, expected at most {bound}");
    }

    [Fact]
    public void Odd_functions_keep_the_sign_of_zero()
    {
        float[] zero = [-0f];
        foreach (var name in new[] { "tanh", "erf", "sin" })
        {
            var y = new float[1];
            Find(name).Function(zero, y);
            Assert.True(float.IsNegative(y[0]) && y[0] == 0, name);
        }
    }

    [Fact]
    public void Power_follows_C99_in_its_special_cases_and_is_exact_to_an_ulp_elsewhere()
    {
        float[] bases = [0f, -0f, 1f, -1f, 2f, -2f, 0.5f, -0.5f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e-40f, -3f, 7.25f, 1e20f, float.MaxValue];
        float[] exponents = [0f, 1f, -1f, 2f, 3f, -3f, 0.5f, -0.5f, 2.5f, 1.7f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e10f, -17f, 16777216f, 1e-3f];
        foreach (var exponent in exponents)
        {
            var pairs = bases.Select(b => (Base: b, Exact: Math.Pow(b, exponent))).ToArray();
            var x = pairs.Select(p => p.Base).ToArray();
            var constant = new float[x.Length];
            var perElement = new float[x.Length];
            VectorMath.Pow(x, exponent, constant);
            VectorMath.Pow(x, Enumerable.Repeat(exponent, x.Length).ToArray(), perElement);
            for (var i = 0; i < x.Length; i++)
            {
                Assert.True(KernelReference.Ulps(perElement[i], pairs[i].Exact) <= 1, $"{x[i]}^{exponent}: {perElement[i]}, expected {pairs[i].Exact}");
                if (exponent is not (0.5f or -0.5f))
                    Assert.True(KernelReference.Ulps(constant[i], pairs[i].Exact) <= 1.5, $"{x[i]}^{exponent}: {constant[i]}, expected {pairs[i].Exact}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activation_and_its_gradient_match_the_formula_in_double(string name)
    {
        var (forward, backward, exact) = FindActivation(name);
        var x = KernelReference.Normal(500, 3, 3).Concat([0.25f, -20f, 20f, 30f, -30f, 6f, -6f]).ToArray();
        var dy = KernelReference.Normal(x.Length, 4);
        var y = new float[x.Length];
        var dx = new float[x.Length];
        forward(x, y);
        backward(dy, x, dx, false);
        var twice = (float[])dx.Clone();
        backward(dy, x, twice, true);
        for (var i = 0; i < x.Length; i++)
        {
            KernelReference.Close(exact(x[i]), y[i], 1e-6, $"{name}({x[i]:R})");
            var h = 1e-5 * (1 + Math.Abs(x[i]));
            var slope = (exact(x[i] + h) - exact(x[i] - h)) / (2 * h);
            KernelReference.Close(dy[i] * slope, dx[i], 2e-6, $"{name}'({x[i]:R})");
            Assert.Equal(dx[i] + dx[i], twice[i]);
        }
    }

    [Fact]
    public void Value_and_slope_in_one_pass_have_the_bits_of_forward_and_backward()
    {
        var x = KernelReference.Normal(131, 8, 3);
        var ones = Enumerable.Repeat(1f, x.Length).ToArray();
        float[] y = new float[x.Length], dx = new float[x.Length], both = new float[x.Length], slope = new float[x.Length];
        foreach (var (forward, backward, together) in new (Function, Gradient, Together)[]
        {
            (VectorMath.Gelu, VectorMath.GeluBackward, VectorMath.GeluWithSlope), (VectorMath.GeluTanh, VectorMath.GeluTanhBackward, VectorMath.GeluTanhWithSlope),
            (VectorMath.Silu, VectorMath.SiluBackward, VectorMath.SiluWithSlope), (VectorMath.Mish, VectorMath.MishBackward, VectorMath.MishWithSlope),
        })
        {
            forward(x, y);
            backward(ones, x, dx, false);
            together(x, both, slope);
            Assert.Equal(y, both);
            Assert.Equal(dx, slope);
        }
    }

    [Fact]
    public void Relu_keeps_NaN_and_lets_no_gradient_through_at_zero()
    {
        float[] x = [float.NaN, -1f, 0f, 2f, float.PositiveInfinity, float.NegativeInfinity];
        var y = new float[6];
        var dx = new float[6];
        VectorMath.Relu(x, y);
        VectorMath.ReluBackward([1f, 1f, 1f, 1f, 1f, 1f], x, dx);
        Assert.Equal([float.NaN, 0f, 0f, 2f, float.PositiveInfinity, 0f], y);
        Assert.Equal([1f, 0f, 0f, 1f, 1f, 0f], dx);
    }

    public static TheoryData<string> Activations =>
        ["relu", "leaky_relu", "hardtanh", "hardswish", "gelu", "gelu_tanh", "silu", "mish", "softplus", "softplus_beta", "logsigmoid", "elu", "sin", "cos", "erf", "pow", "pow3"];

    // Where a function changes fastest or switches formula, many more points than an exponent's share.
    private static IEnumerable<float> Dense(string name)
    {
        var (low, high) = name switch { "exp" => (-104f, 89f), "log" => (0.4f, 2.5f), "sigmoid" => (-104f, 20f), "sin" or "cos" => (-2e6f, 2e6f), _ => (-10f, 10f) };
        var random = new Random(7);
        for (var i = 0; i < 200_000; i++)
            yield return low + (high - low) * random.NextSingle();
    }

    private static (Function Function, Func<float, double> Exact) Find(string name) => name switch
    {
        "exp" => (VectorMath.Exp, x => Math.Exp(x)),
        "log" => (VectorMath.Log, x => Math.Log(x)),
        "tanh" => (VectorMath.Tanh, x => Math.Tanh(x)),
        "sigmoid" => (VectorMath.Sigmoid, x => x < 0 ? Math.Exp(x) / (1 + Math.Exp(x)) : 1 / (1 + Math.Exp(-(double)x))),
        "erf" => (VectorMath.Erf, x => KernelReference.Erf(x)),
        "sin" => (VectorMath.Sin, x => Math.Sin(x)),
        _ => (VectorMath.Cos, x => Math.Cos(x)),
    };

    private delegate void Together(ReadOnlySpan<float> x, Span<float> y, Span<float> slope);

    private delegate void Gradient(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Span<float> dx, bool accumulate);

    private static (Function Forward, Gradient Backward, Func<double, double> Exact) FindActivation(string name)
    {
        static double Phi(double x) => 0.5 * (1 + KernelReference.Erf(x / Math.Sqrt(2)));
        static double SoftPlus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
        return name switch
        {
            "relu" => (VectorMath.Relu, VectorMath.ReluBackward, x => Math.Max(x, 0)),
            "leaky_relu" => ((x, y) => VectorMath.LeakyRelu(x, 0.02f, y), (g, x, d, a) => VectorMath.LeakyReluBackward(g, x, 0.02f, d, a), x => x > 0 ? x : 0.02f * x),
            "hardtanh" => ((x, y) => VectorMath.Hardtanh(x, -1, 2, y), (g, x, d, a) => VectorMath.HardtanhBackward(g, x, -1, 2, d, a), x => Math.Clamp(x, -1, 2)),
            "hardswish" => (VectorMath.Hardswish, VectorMath.HardswishBackward, x => x * Math.Clamp(x + 3, 0, 6) / 6),
            "gelu" => (VectorMath.Gelu, VectorMath.GeluBackward, x => x * Phi(x)),
            "gelu_tanh" => (VectorMath.GeluTanh, VectorMath.GeluTanhBackward, x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
            "silu" => (VectorMath.Silu, VectorMath.SiluBackward, x => x / (1 + Math.Exp(-x))),
            "mish" => (VectorMath.Mish, VectorMath.MishBackward, x => x * Math.Tanh(SoftPlus(x))),
            "softplus" => ((x, y) => VectorMath.Softplus(x, 1, 20, y), (g, x, d, a) => VectorMath.SoftplusBackward(g, x, 1, 20, d, a), SoftPlus),
            "softplus_beta" => ((x, y) => VectorMath.Softplus(x, 2, 50, y), (g, x, d, a) => VectorMath.SoftplusBackward(g, x, 2, 50, d, a), x => SoftPlus(2 * x) / 2),
            "logsigmoid" => (VectorMath.LogSigmoid, VectorMath.LogSigmoidBackward, x => -SoftPlus(-x)),
            "elu" => ((x, y) => VectorMath.Elu(x, 1.3f, y), (g, x, d, a) => VectorMath.EluBackward(g, x, 1.3f, d, a), x => x > 0 ? x : 1.3f * (Math.Exp(x) - 1)),
            "sin" => (VectorMath.Sin, VectorMath.SinBackward, Math.Sin),
            "cos" => (VectorMath.Cos, VectorMath.CosBackward, Math.Cos),
            "erf" => (VectorMath.Erf, VectorMath.ErfBackward, KernelReference.Erf),
            "pow" => ((x, y) => VectorMath.Pow(x, 4f, y), (g, x, d, a) => VectorMath.PowBackward(g, x, 4f, d, a), x => x * x * x * x),
            "pow3" => ((x, y) => VectorMath.Pow(x, 3f, y), (g, x, d, a) => VectorMath.PowBackward(g, x, 3f, d, a), x => x * x * x),
            _ => throw new ArgumentException(name),
        };
    }
}
