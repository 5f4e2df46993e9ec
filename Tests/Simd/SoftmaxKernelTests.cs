using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class SoftmaxKernelTests
{
    [Theory]
    [InlineData(4, 10, 1)]
    [InlineData(3, 65, 1)]
    [InlineData(2, 16, 1)]
    [InlineData(2, 5, 21)]
    public void Softmax_and_log_softmax_match_the_definition_forward_and_backward(int outer, int n, int inner)
    {
        var x = KernelReference.Normal(outer * n * inner, 1, 4);
        var dy = KernelReference.Normal(x.Length, 2);
        var (y, log, lse) = (new float[x.Length], new float[x.Length], new float[outer * inner]);
        Softmax.Forward(outer, n, inner, x, y);
        Softmax.LogForward(outer, n, inner, x, log);
        Softmax.LogSumExp(outer, n, inner, x, lse);
        var (dx, dLog) = (new float[x.Length], new float[x.Length]);
        Softmax.Backward(outer, n, inner, dy, y, dx);
        Softmax.LogBackward(outer, n, inner, dy, log, dLog);
        for (var slice = 0; slice < outer * inner; slice++)
        {
            int At(int k) => (slice / inner * n + k) * inner + slice % inner;
            var exact = Enumerable.Range(0, n).Select(k => (double)x[At(k)]).ToArray();
            var total = Math.Log(exact.Sum(v => Math.Exp(v - exact.Max()))) + exact.Max();
            KernelReference.Close(total, lse[slice], 1e-6, "logsumexp");
            var p = exact.Select(v => Math.Exp(v - total)).ToArray();
            var dot = p.Select((v, k) => v * dy[At(k)]).Sum();
            var sum = p.Select((_, k) => (double)dy[At(k)]).Sum();
            for (var k = 0; k < n; k++)
            {
                KernelReference.Close(p[k], y[At(k)], 1e-6, "softmax");
                KernelReference.Close(exact[k] - total, log[At(k)], 1e-6, "log_softmax");
                KernelReference.Close(p[k] * (dy[At(k)] - dot), dx[At(k)], 1e-6, "softmax gradient");
                KernelReference.Close(dy[At(k)] - p[k] * sum, dLog[At(k)], 2e-6, "log_softmax gradient");
            }
        }
        var twice = (float[])dx.Clone();
        Softmax.Backward(outer, n, inner, dy, y, twice, accumulate: true);
        Assert.Equal(dx.Select(v => v + v), twice);
        Softmax.Forward(outer, n, inner, x, x);
        Assert.Equal(y, x.AsEnumerable());
    }

    [Fact]
    public void Softmax_of_infinities_and_NaN_is_as_PyTorchs()
    {
        var y = new float[3];
        Softmax.Forward(1, 3, 1, [float.NegativeInfinity, 0f, 0f], y);
        Assert.Equal([0f, 0.5f, 0.5f], y);
        Softmax.Forward(1, 3, 1, [float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], y);
        Assert.All(y, v => Assert.True(float.IsNaN(v)));
        Softmax.Forward(1, 3, 1, [float.PositiveInfinity, 0f, 0f], y);
        Assert.All(y, v => Assert.True(float.IsNaN(v) || v == 0));
        Softmax.LogSumExp(1, 3, 1, [float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], y);
        Assert.Equal(float.NegativeInfinity, y[0]);
    }

    [Theory]
    [InlineData(10, false, 0f)]
    [InlineData(65, true, 0f)]
    [InlineData(7, false, 0.1f)]
    [InlineData(33, true, 0.2f)]
    public void Cross_entropy_and_its_gradient_match_the_definition(int classes, bool weighted, float smoothing)
    {
        const int Rows = 9;
        var x = KernelReference.Normal(Rows * classes, 3, 2);
        var targets = Enumerable.Range(0, Rows).Select(r => r == 4 ? -100L : r * 5 % classes).ToArray();
        var weights = weighted ? KernelReference.Normal(classes, 4).Select(MathF.Abs).ToArray() : [];
        var (losses, lse, dx) = (new float[Rows], new float[Rows], new float[x.Length]);
        var denominator = CrossEntropy.Forward(Rows, classes, x, targets, weights, -100, smoothing, losses, lse);
        CrossEntropy.Backward(Rows, classes, x, targets, weights, -100, smoothing, lse, 0.7f, [], dx);

        double expectedDenominator = 0;
        for (var r = 0; r < Rows; r++)
        {
            var row = x.Skip(r * classes).Take(classes).Select(v => (double)v).ToArray();
            var total = Math.Log(row.Sum(Math.Exp));
            double W(long c) => weighted ? weights[c] : 1;
            if (targets[r] == -100)
            {
                Assert.Equal(0f, losses[r]);
                Assert.All(dx.Skip(r * classes).Take(classes), v => Assert.Equal(0f, v));
                continue;
            }
            expectedDenominator += W(targets[r]);
            var q = Enumerable.Range(0, classes).Select(c => (c == targets[r] ? (1 - smoothing) * W(c) : 0) + smoothing / (double)classes * W(c)).ToArray();
            KernelReference.Close(q.Select((v, c) => v * (total - row[c])).Sum(), losses[r], 2e-6, $"loss of row {r}");
            for (var c = 0; c < classes; c++)
                KernelReference.Close(0.7 * (q.Sum() * Math.Exp(row[c] - total) - q[c]), dx[r * classes + c], 1e-6, $"gradient [{r}, {c}]");
        }
        Assert.Equal(expectedDenominator, denominator, 1e-6);

        var scaled = new float[x.Length];
        CrossEntropy.Backward(Rows, classes, x, targets, weights, -100, smoothing, lse, 1f, Enumerable.Repeat(0.7f, Rows).ToArray(), scaled);
        Assert.Equal(dx, scaled.AsEnumerable());
    }

    [Fact]
    public void Cross_entropy_names_a_target_that_is_no_class()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Forward(2, 3, new float[6], [0, 3], [], -100, 0, new float[2], new float[2]));
        Assert.Contains("target 3 in row 1, expected 0 to 2", error.Message);
    }
}
