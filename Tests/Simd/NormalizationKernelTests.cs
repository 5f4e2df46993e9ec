using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

/// <summary>Each normalization against one definition in double: groups of elements that share statistics, and the channel whose weight an element takes.</summary>
public class NormalizationKernelTests
{
    [Theory]
    [InlineData(5, 10)]
    [InlineData(3, 128)]
    [InlineData(2, 33)]
    public void LayerNorm_matches_the_definition(int rows, int n)
    {
        var c = new Case(rows * n, n, i => i / n, i => i % n);
        LayerNorm.Forward(rows, n, c.X, c.Weight, c.Bias, 1e-5f, c.Y, c.Mean, c.Rstd);
        LayerNorm.Backward(rows, n, c.Dy, c.X, c.Weight, c.Mean, c.Rstd, c.Dx, c.DWeight, c.DBias);
        c.Check(1e-5);
        var (dx, dw) = ((float[])c.Dx.Clone(), (float[])c.DWeight.Clone());
        LayerNorm.Backward(rows, n, c.Dy, c.X, c.Weight, c.Mean, c.Rstd, c.Dx, c.DWeight, c.DBias, accumulateInput: true, accumulateParameters: true);
        KernelReference.Close([.. dx.Select(v => 2.0 * v)], c.Dx, 1e-6, "dx twice");
        KernelReference.Close([.. dw.Select(v => 2.0 * v)], c.DWeight, 1e-6, "dWeight twice");
    }

    [Fact]
    public void RmsNorm_matches_the_definition()
    {
        const int Rows = 4, N = 37;
        var c = new Case(Rows * N, N, i => i / N, i => i % N) { Centered = false, Bias = new float[N] };
        RmsNorm.Forward(Rows, N, c.X, c.Weight, 1e-5f, c.Y, c.Rstd);
        RmsNorm.Backward(Rows, N, c.Dy, c.X, c.Weight, c.Rstd, c.Dx, c.DWeight);
        c.Check(1e-5, withBias: false);
    }

    [Theory]
    [InlineData(3, 6, 20, 2)]
    [InlineData(2, 4, 1, 4)]
    public void GroupNorm_matches_the_definition(int batch, int channels, int inner, int groups)
    {
        var perGroup = channels / groups * inner;
        var c = new Case(batch * channels * inner, channels, i => i / perGroup, i => i / inner % channels);
        GroupNorm.Forward(batch, channels, inner, groups, c.X, c.Weight, c.Bias, 1e-3f, c.Y, c.Mean, c.Rstd);
        GroupNorm.Backward(batch, channels, inner, groups, c.Dy, c.X, c.Weight, c.Mean, c.Rstd, c.Dx, c.DWeight, c.DBias);
        c.Epsilon = 1e-3f;
        c.Check(1e-5);
    }

    [Theory]
    [InlineData(8, 5, 1)]
    [InlineData(9, 37, 1)]
    [InlineData(3, 4, 30)]
    public void BatchNorm_matches_the_definition(int batch, int channels, int inner)
    {
        var c = new Case(batch * channels * inner, channels, i => i / inner % channels, i => i / inner % channels);
        var variance = new float[channels];
        BatchNorm.Statistics(batch, channels, inner, c.X, c.Mean, variance);
        BatchNorm.ReciprocalRoot(variance, 1e-5f, c.Rstd);
        BatchNorm.Normalize(batch, channels, inner, c.X, c.Mean, c.Rstd, c.Weight, c.Bias, c.Y);
        BatchNorm.Backward(batch, channels, inner, c.Dy, c.X, c.Mean, c.Rstd, c.Weight, true, c.Dx, c.DWeight, c.DBias);
        c.Check(1e-5);
        BatchNorm.Backward(batch, channels, inner, c.Dy, c.X, c.Mean, c.Rstd, c.Weight, false, c.Dx, c.DWeight, c.DBias);
        for (var i = 0; i < c.X.Length; i++)
            KernelReference.Close((double)c.Dy[i] * c.Weight[i / inner % channels] * c.Rstd[i / inner % channels], c.Dx[i], 1e-6, "fixed statistics");
    }

    private sealed class Case(int length, int channels, Func<int, int> group, Func<int, int> channel)
    {
        public float[] X { get; } = [.. KernelReference.Normal(length, 1, 2).Select(v => v + 3)];

        public float[] Dy { get; } = KernelReference.Normal(length, 2);

        public float[] Weight { get; } = KernelReference.Normal(channels, 3);

        public float[] Bias { get; init; } = KernelReference.Normal(channels, 4);

        public float[] Y { get; } = new float[length];

        public float[] Dx { get; } = new float[length];

        public float[] Mean { get; } = new float[length];

        public float[] Rstd { get; } = new float[length];

        public float[] DWeight { get; } = new float[channels];

        public float[] DBias { get; } = new float[channels];

        public bool Centered { get; init; } = true;

        public float Epsilon { get; set; } = 1e-5f;

        public void Check(double tolerance, bool withBias = true)
        {
            var (dWeight, dBias) = (new double[channels], new double[channels]);
            foreach (var elements in Enumerable.Range(0, length).GroupBy(group))
            {
                var mean = Centered ? elements.Average(i => (double)X[i]) : 0;
                var rstd = 1 / Math.Sqrt(elements.Average(i => (X[i] - mean) * (X[i] - mean)) + Epsilon);
                var g = elements.Average(i => (double)Dy[i] * Weight[channel(i)]);
                var projected = elements.Average(i => (double)Dy[i] * Weight[channel(i)] * (X[i] - mean) * rstd);
                foreach (var i in elements)
                {
                    var normalized = (X[i] - mean) * rstd;
                    KernelReference.Close(normalized * Weight[channel(i)] + Bias[channel(i)], Y[i], tolerance, $"y[{i}]");
                    KernelReference.Close(rstd * (Dy[i] * Weight[channel(i)] - (Centered ? g : 0) - normalized * projected), Dx[i], tolerance, $"dx[{i}]");
                    dWeight[channel(i)] += Dy[i] * normalized;
                    dBias[channel(i)] += Dy[i];
                }
            }
            KernelReference.Close(dWeight, DWeight, tolerance, "dWeight");
            if (withBias)
                KernelReference.Close(dBias, DBias, tolerance, "dBias");
        }
    }
}
