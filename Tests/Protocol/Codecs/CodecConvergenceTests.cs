using DistTrain.Protocol.Codecs;
using DistTrain.Simd;

namespace DistTrain.Tests.Protocol.Codecs;

/// <summary>Least squares with 5,000 unknowns, four shards with samples of their own, plain gradient descent: what codecs cost in a problem whose answer is known.</summary>
public class CodecConvergenceTests
{
    private const int Unknowns = 5000;
    private const int Shards = 4;

    [Theory]
    [InlineData("none", 100, 1e-5)]
    [InlineData("bf16", 100, 1e-3)]
    [InlineData("fp16", 100, 1e-4)]
    [InlineData("int8", 300, 1e-2)]
    [InlineData("topk:0.05", 800, 3e-2)]
    [InlineData("powersgd:4", 800, 3e-2)]
    public void Training_through_a_codec_reaches_the_answer(string text, int steps, double within) =>
        Assert.InRange(Distance(text, steps), 0, within);

    [Fact]
    public void Without_its_residual_topk_would_not()
    {
        Assert.InRange(Distance("topk:0.05", 800, forget: true), 0.1, 1);
    }

    /// <summary>‖w − answer‖ / ‖answer‖ after so many steps.</summary>
    private static double Distance(string text, int steps, bool forget = false)
    {
        var codec = TensorCodec.Create(CodecSpec.ParseGradient(text));
        float[] answer = new float[Unknowns], curvature = new float[Unknowns], shift = new float[Unknowns];
        Philox.FillNormal(answer, RandomKey.Create(1, 0));
        Philox.FillUniform(curvature, RandomKey.Create(1, 1), 0.3f, 1f);
        Philox.FillNormal(shift, RandomKey.Create(1, 2));
        float[] weights = new float[Unknowns], gradient = new float[Unknowns], decoded = new float[Unknowns], sum = new float[Unknowns];
        var states = Enumerable.Range(0, Shards).Select(_ => new CodecState(codec, Unknowns)).ToArray();
        byte[] bytes = new byte[codec.EncodedLength(Unknowns)];
        for (int step = 0; step < steps; step++)
        {
            Array.Clear(sum);
            for (int shard = 0; shard < Shards; shard++)
            {
                // Each shard has a minimum of its own; only their average has it at the answer.
                float own = 0.2f * (shard - (Shards - 1) / 2f);
                for (int i = 0; i < Unknowns; i++) gradient[i] = curvature[i] * (weights[i] - answer[i]) + own * shift[i];
                if (forget) states[shard].Clear();
                codec.Encode(new CodecKey(1, step, shard, 0), gradient, states[shard].For(0, Unknowns), bytes);
                Assert.True(codec.TryDecode(bytes, decoded, out string? reason), reason);
                Elementwise.AddScaled(1f / Shards, decoded, sum);
            }
            float learningRate = codec.Spec.HasState || codec.Spec.Kind == CodecKind.Int8 ? 1f / (1 + step / 10f) : 1f;
            Elementwise.AddScaled(-learningRate, sum, weights);
        }
        double error = 0, length = 0;
        for (int i = 0; i < Unknowns; i++)
        {
            error += Math.Pow(weights[i] - answer[i], 2);
            length += Math.Pow(answer[i], 2);
        }
        return Math.Sqrt(error / length);
    }
}
