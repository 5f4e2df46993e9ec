using DistTrain.Simd;

namespace DistTrain.Tests.Simd;

public class ConvolutionTests
{
    public static TheoryData<ConvShape> Shapes =>
    [
        new(2, 1, 8, 9, 3, 3, 3),
        new(3, 4, 13, 13, 20, 3, 3),
        new(2, 3, 11, 10, 70, 3, 3, PadH: 1, PadW: 1),
        new(2, 5, 12, 9, 17, 5, 3, StrideH: 2, StrideW: 3, PadH: 2, PadW: 1),
        new(2, 3, 14, 15, 6, 3, 2, StrideH: 2, StrideW: 1, DilationH: 2, DilationW: 3),
        new(2, 8, 9, 9, 12, 3, 3, PadH: 1, PadW: 1, Groups: 4),
        new(1, 6, 7, 7, 6, 3, 3, PadH: 1, PadW: 1, Groups: 6),
        new(2, 7, 6, 5, 66, 1, 1),
        new(2, 4, 9, 8, 5, 1, 1, StrideH: 3, StrideW: 2),
        new(1, 2, 5, 6, 3, 2, 2, PadH: 4, PadW: 3),
        new(1, 2, 30, 31, 4, 3, 3),
        new(1, 130, 6, 6, 10, 3, 3, PadH: 1, PadW: 1),
        new(70, 1, 3, 3, 2, 3, 3, PadH: 1, PadW: 1),
        new(3, 2, 7, 7, 3, 2, 2, StrideH: 3, StrideW: 3),
    ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_is_a_chain_over_channel_and_kernel_then_bias_then_activation(ConvShape shape)
    {
        float[] x = Reference.Random(shape.InputLength, 1), w = Reference.Random(shape.WeightLength, 2), bias = Reference.Random(shape.OutChannels, 3);
        foreach (var level in Reference.Levels)
        {
            float[] y = new float[shape.OutputLength], expected = ConvolutionReference.Forward(level, shape, x, w, bias, relu: true);
            Convolution.Forward(level, shape, x, w, bias, y, Activation.Relu);
            Reference.SameBits(expected, y, $"{level} {shape} with bias and ReLU");
            expected = ConvolutionReference.Forward(level, shape, x, w, null, relu: false);
            Convolution.Forward(level, shape, x, w, [], y, Activation.None);
            Reference.SameBits(expected, y, $"{level} {shape}");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_gradient_of_the_input_is_a_chain_over_out_channel_and_kernel(ConvShape shape)
    {
        float[] dy = Reference.Random(shape.OutputLength, 4), w = Reference.Random(shape.WeightLength, 5);
        foreach (var level in Reference.Levels)
        foreach (var accumulate in (bool[])[false, true])
        {
            float[] dx = Reference.Random(shape.InputLength, 6), expected = ConvolutionReference.BackwardInput(level, shape, dy, w, accumulate ? dx : null);
            Convolution.BackwardInput(level, shape, dy, w, dx, accumulate);
            Reference.SameBits(expected, dx, $"{level} {shape} accumulate {accumulate}");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_gradient_of_the_weight_is_a_chain_over_sample_and_position(ConvShape shape)
    {
        float[] x = Reference.Random(shape.InputLength, 7), dy = Reference.Random(shape.OutputLength, 8);
        foreach (var level in Reference.Levels)
        foreach (var accumulate in (bool[])[false, true])
        {
            float[] dw = Reference.Random(shape.WeightLength, 9), expected = ConvolutionReference.BackwardWeight(level, shape, x, dy, accumulate ? dw : null);
            Convolution.BackwardWeight(level, shape, x, dy, dw, accumulate);
            Reference.SameBits(expected, dw, $"{level} {shape} accumulate {accumulate}");
        }
    }

    [Fact]
    public void The_gradient_of_the_bias_adds_the_planes_in_the_order_of_the_samples()
    {
        var shape = new ConvShape(5, 2, 9, 9, 7, 3, 3);
        float[] dy = Reference.Random(shape.OutputLength, 10), db = Reference.Random(shape.OutChannels, 11), expected = [.. db];
        for (var o = 0; o < shape.OutChannels; o++)
            for (var sample = 0; sample < shape.Batch; sample++) expected[o] += Reduce.Sum(dy.AsSpan(((sample * 7) + o) * 49, 49));
        float[] twice = [.. db], y = Reference.Random(dy.Length, 12), masked = new float[dy.Length], separate = new float[dy.Length];
        Convolution.BackwardBias(shape, dy, db, accumulate: true);
        Reference.SameBits(expected, db, "bias");

        VectorMath.ReluBackward(dy, y, separate);
        foreach (var accumulate in (bool[])[false, true])
        {
            expected = [.. twice];
            Convolution.BackwardBias(shape, separate, expected, accumulate);
            Convolution.BackwardReluBias(shape, dy, y, masked, twice, accumulate);
            Reference.SameBits(separate, masked, "masked");
            Reference.SameBits(expected, twice, $"bias behind an activation, accumulate {accumulate}");
        }
    }

    [Fact]
    public void A_sample_gives_the_same_bits_alone_as_in_a_batch()
    {
        ConvShape batch = new(9, 3, 10, 11, 33, 3, 3, PadH: 1, PadW: 1), single = batch with { Batch = 1 };
        float[] x = Reference.Random(batch.InputLength, 12), w = Reference.Random(batch.WeightLength, 13), bias = Reference.Random(33, 14);
        float[] y = new float[batch.OutputLength], dx = new float[batch.InputLength], one = new float[single.OutputLength], oneDx = new float[single.InputLength];
        Convolution.Forward(batch, x, w, bias, y);
        Convolution.BackwardInput(batch, y, w, dx);
        for (var sample = 0; sample < 9; sample++)
        {
            Convolution.Forward(single, x.AsSpan(sample * single.InputLength, single.InputLength), w, bias, one);
            Reference.SameBits(one, y.AsSpan(sample * single.OutputLength, single.OutputLength), $"y of {sample}");
            Convolution.BackwardInput(single, one, w, oneDx);
            Reference.SameBits(oneDx, dx.AsSpan(sample * single.InputLength, single.InputLength), $"dx of {sample}");
        }
    }

    [Fact]
    public void Impossible_shapes_and_short_spans_are_named()
    {
        Assert.Throws<ArgumentException>(() => new ConvShape(1, 3, 8, 8, 4, 3, 3, Groups: 2).Validate());
        Assert.Throws<ArgumentException>(() => new ConvShape(1, 3, 2, 8, 4, 3, 3).Validate());
        var error = Assert.Throws<ArgumentException>(() => Convolution.Forward(new(1, 1, 4, 4, 1, 3, 3), new float[15], new float[9], [], new float[4]));
        Assert.Equal("Convolution: x has 15 elements, expected at least 16.", error.Message);
    }

    [Fact]
    public void A_convolution_allocates_nothing_once_its_scratch_has_grown()
    {
        var shape = new ConvShape(4, 5, 9, 9, 18, 3, 3, PadH: 1, PadW: 1);
        float[] x = new float[shape.InputLength], w = new float[shape.WeightLength], y = new float[shape.OutputLength], bias = new float[18];
        void Run()
        {
            Convolution.Forward(shape, x, w, bias, y);
            Convolution.BackwardInput(shape, y, w, x);
            Convolution.BackwardWeight(shape, x, y, w);
            Convolution.BackwardBias(shape, y, bias);
        }

        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
