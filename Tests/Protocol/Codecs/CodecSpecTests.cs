using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Tests.Protocol.Codecs;

public class CodecSpecTests
{
    [Theory]
    [InlineData("none")]
    [InlineData("bf16")]
    [InlineData("fp16")]
    [InlineData("int8")]
    [InlineData("topk:0.01")]
    [InlineData("powersgd:4")]
    public void A_spec_reads_back_as_it_was_written(string text) => Assert.Equal(text, CodecSpec.ParseGradient(text).ToString());

    [Theory]
    [InlineData("", "codec '' is not known")]
    [InlineData("int4", "codec 'int4' is not known")]
    [InlineData("bf16:2", "codec 'bf16:2' is not known")]
    [InlineData("topk", "codec 'topk' is not known")]
    [InlineData("topk:", "the share was ''")]
    [InlineData("topk:0", "the share was '0', expected a number above 0 and at most 1")]
    [InlineData("topk:1.5", "the share was '1.5'")]
    [InlineData("topk:nan", "the share was 'nan'")]
    [InlineData("topk:-0.1", "the share was '-0.1'")]
    [InlineData("powersgd:0", "the rank was '0', expected a whole number from 1 to 32")]
    [InlineData("powersgd:2.5", "the rank was '2.5'")]
    [InlineData("powersgd:99999999999", "the rank was '99999999999'")]
    public void A_spec_that_does_not_parse_is_a_user_error_that_says_what_would(string text, string message) =>
        Assert.Contains(message, Assert.Throws<UserErrorException>(() => CodecSpec.ParseGradient(text)).Message);

    [Fact]
    public void Weights_take_only_codecs_without_state_or_chance()
    {
        Assert.Equal(CodecKind.Bf16, CodecSpec.ParseWeights("bf16").Kind);
        Assert.Contains("give none, bf16 or fp16", Assert.Throws<UserErrorException>(() => CodecSpec.ParseWeights("int8")).Message);
    }

    [Fact]
    public void Bytes_per_step_are_those_that_encoding_gives()
    {
        var buckets = new BucketPlan(new ParameterLayout([("w", [8 * 4096 + 5008])]), 1, 8 * 16384);
        var none = TensorCodec.Create(CodecSpec.None);
        Traffic Of(string gradients, string weights, int shards, int workers) =>
            Traffic.PerStep(TensorCodec.Create(CodecSpec.ParseGradient(gradients)), TensorCodec.Create(CodecSpec.ParseWeights(weights)), buckets, shards, workers);

        const long Floats = 8 * 4096 + 5008;
        Assert.Equal(new Traffic(2 * 4 * Floats, 2 * 4 * Floats, 2 * 4 * Floats, 2 * 4 * Floats), Of("none", "none", 4, 2));
        Assert.Equal(4 * (Floats + 4 * (8 + 2)), Of("int8", "none", 4, 2).GradientBytes);
        Assert.Equal(2 * 2 * Floats, Of("none", "bf16", 2, 2).WeightBytes);
        Assert.Equal(2 * 6 * (9 * 41 + 10), Of("topk:0.01", "none", 2, 2).GradientBytes);
        Assert.Null(Of("bf16", "none", 2, 2).Warning);
        Assert.Contains("more than", Of("bf16", "none", 8, 2).Warning);
        Assert.Contains("more than", Of("topk:0.9", "none", 2, 2).Warning);
        Assert.Equal(0, none.StateLength((int)Floats));
    }
}
