using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class AttentionKernelTests
{
    [Theory]
    [InlineData(2, 2, 7, 7, 8, true)]
    [InlineData(1, 2, 64, 64, 32, true)]
    [InlineData(1, 1, 130, 130, 16, true)]
    [InlineData(1, 2, 70, 90, 5, true)]
    [InlineData(1, 1, 90, 70, 4, true)]
    [InlineData(2, 1, 66, 33, 12, false)]
    public void Attention_matches_the_definition_forward_and_backward(int batch, int heads, int queries, int keys, int width, bool causal)
    {
        var shape = new AttentionShape(batch, heads, queries, keys, width);
        var (layoutQ, layoutK) = (HeadLayout.Dense(heads, queries, width), HeadLayout.Dense(heads, keys, width));
        var (lengthQ, lengthK) = (batch * heads * queries * width, batch * heads * keys * width);
        var (q, k, v) = (KernelReference.Normal(lengthQ, 1), KernelReference.Normal(lengthK, 2), KernelReference.Normal(lengthK, 3));
        var dy = KernelReference.Normal(lengthQ, 4);
        var (y, lse) = (new float[lengthQ], new float[batch * heads * queries]);
        var (dq, dk, dv) = (KernelReference.Normal(lengthQ, 5), KernelReference.Normal(lengthK, 6), KernelReference.Normal(lengthK, 7));
        var scale = 1f / MathF.Sqrt(width);
        Attention.Forward(shape, q, layoutQ, k, layoutK, v, scale, causal, y, layoutQ, lse, new float[shape.ForwardWorkspace]);
        Attention.Backward(shape, q, layoutQ, k, layoutK, v, scale, causal, y, dy, layoutQ, lse, dq, dk, dv, new float[shape.BackwardWorkspace]);

        for (var head = 0; head < batch * heads; head++)
        {
            var (atQ, atK) = (head * queries * width, head * keys * width);
            var (eq, ek, ev) = (new double[queries * width], new double[keys * width], new double[keys * width]);
            for (var i = 0; i < queries; i++)
            {
                var seen = causal ? Math.Min(keys, i + 1) : keys;
                var scores = Enumerable.Range(0, seen).Select(j => Enumerable.Range(0, width).Sum(d => (double)q[atQ + i * width + d] * k[atK + j * width + d]) * scale).ToArray();
                var total = scores.Sum(Math.Exp);
                var p = scores.Select(s => Math.Exp(s) / total).ToArray();
                for (var d = 0; d < width; d++)
                    KernelReference.Close(p.Select((w, j) => w * v[atK + j * width + d]).Sum(), y[atQ + i * width + d], 1e-5, $"y[{i}, {d}]");
                var dp = p.Select((_, j) => Enumerable.Range(0, width).Sum(d => (double)dy[atQ + i * width + d] * v[atK + j * width + d])).ToArray();
                var dot = p.Zip(dp, (a, b) => a * b).Sum();
                for (var j = 0; j < seen; j++)
                {
                    var ds = p[j] * (dp[j] - dot) * scale;
                    for (var d = 0; d < width; d++)
                    {
                        eq[i * width + d] += ds * k[atK + j * width + d];
                        ek[j * width + d] += ds * q[atQ + i * width + d];
                        ev[j * width + d] += p[j] * dy[atQ + i * width + d];
                    }
                }
            }
            KernelReference.Close(eq, dq.AsSpan(atQ, eq.Length), 1e-5, "dq");
            KernelReference.Close(ek, dk.AsSpan(atK, ek.Length), 1e-5, "dk");
            KernelReference.Close(ev, dv.AsSpan(atK, ev.Length), 1e-5, "dv");
        }
    }

    [Fact]
    public void Attention_reads_a_fused_projection_with_the_bits_of_dense_heads()
    {
        const int Batch = 2, Heads = 3, Time = 20, Width = 8, Model = Heads * Width;
        var fused = KernelReference.Normal(Batch * Time * 3 * Model, 1);
        var dense = new float[3][];
        for (var part = 0; part < 3; part++)
        {
            dense[part] = new float[Batch * Time * Model];
            for (var i = 0; i < dense[part].Length; i++)
            {
                var (b, h, t, d) = (i / (Time * Model), i / (Time * Width) % Heads, i / Width % Time, i % Width);
                dense[part][i] = fused[(b * Time + t) * 3 * Model + part * Model + h * Width + d];
            }
        }
        var shape = new AttentionShape(Batch, Heads, Time, Time, Width);
        var (layoutDense, layoutFused, layoutOut) = (HeadLayout.Dense(Heads, Time, Width), HeadLayout.Interleaved(Time, Width, 3 * Model), HeadLayout.Interleaved(Time, Width, Model));
        var (y1, y2, lse) = (new float[Batch * Time * Model], new float[Batch * Time * Model], new float[Batch * Heads * Time]);
        var workspace = new float[shape.BackwardWorkspace];
        Attention.Forward(shape, dense[0], layoutDense, dense[1], layoutDense, dense[2], 0.3f, true, y1, layoutDense, lse, workspace);
        Attention.Forward(shape, fused, layoutFused, fused.AsSpan(Model), layoutFused, fused.AsSpan(2 * Model), 0.3f, true, y2, layoutOut, lse, workspace);
        for (var i = 0; i < y1.Length; i++)
        {
            var (b, h, t, d) = (i / (Time * Model), i / (Time * Width) % Heads, i / Width % Time, i % Width);
            Assert.Equal(y1[i], y2[(b * Time + t) * Model + h * Width + d]);
        }
        var gradients = new float[fused.Length];
        Attention.Backward(
            shape, fused, layoutFused, fused.AsSpan(Model), layoutFused, fused.AsSpan(2 * Model), 0.3f, true, y2, y2, layoutOut, lse,
            gradients, gradients.AsSpan(Model), gradients.AsSpan(2 * Model), workspace);
        var denseGradients = new float[3][] { new float[y1.Length], new float[y1.Length], new float[y1.Length] };
        Attention.Backward(
            shape, dense[0], layoutDense, dense[1], layoutDense, dense[2], 0.3f, true, y1, y1, layoutDense, lse,
            denseGradients[0], denseGradients[1], denseGradients[2], workspace);
        for (var i = 0; i < fused.Length; i++)
        {
            var (b, t, part, h, d) = (i / (Time * 3 * Model), i / (3 * Model) % Time, i / Model % 3, i / Width % Heads, i % Width);
            Assert.Equal(denseGradients[part][((b * Heads + h) * Time + t) * Width + d], gradients[i]);
        }
    }
}
