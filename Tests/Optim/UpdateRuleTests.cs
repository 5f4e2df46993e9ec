using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Tests.Optim;

public class UpdateRuleTests
{
    public static TheoryData<OptimizerOptions> Everything() => new(
        new SGDOptions(), new SGDOptions(Momentum: 0.9, WeightDecay: 0.1, Nesterov: true), new AdamOptions(WeightDecay: 0.1), new AdamWOptions(AmsGrad: true), new RMSpropOptions(),
        new RMSpropOptions(Momentum: 0.9), new RMSpropOptions(Momentum: 0.9, Centered: true), new AdagradOptions(InitialAccumulator: 0.5), new AdadeltaOptions(), new AdamaxOptions(), new NAdamOptions(),
        new RAdamOptions(), new RpropOptions());

    [Theory]
    [MemberData(nameof(Everything))]
    public void Any_cut_of_the_buffer_gives_the_bits_of_the_whole(OptimizerOptions options)
    {
        int[] cuts = [0, 1, 17, 64, 100, 205];
        var whole = new Run(options.CreateRule(), 205);
        var parts = new Run(options.CreateRule(), 205);
        for (int step = 1; step <= 8; step++)
        {
            whole.Apply(step, 0, 205);
            foreach (var (from, to) in cuts.Zip(cuts.Skip(1))) parts.Apply(step, from, to);
            Assert.Equal(whole.Next.Span.ToArray(), parts.Next.Span.ToArray());
            whole.Advance();
            parts.Advance();
        }
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Padding_of_zeros_stays_zero(OptimizerOptions options)
    {
        var rule = options.CreateRule();
        var state = rule.StateNames.Select(_ => new FloatBuffer(20)).ToArray();
        float[] weights = new float[20];
        for (int step = 1; step <= 3; step++) rule.Apply(step, 0.1, 0.5f, weights, new float[20], new StateSlices(state, 0, 20), weights);
        Assert.All(weights, w => Assert.Equal(0f, w));
    }

    [Fact]
    public void Groups_cut_a_slice_by_its_place_in_the_layout_and_frozen_parts_keep_their_values()
    {
        var decaying = new AdamWOptions(WeightDecay: 0.3).CreateRule();
        var sgd = new SGDOptions(Momentum: 0.9).CreateRule();
        var grouped = new GroupedRule(new RuleSegment(0, 50, decaying), new RuleSegment(50, 30, decaying.WithoutWeightDecay(), 0.5), new RuleSegment(96, 40, null), new RuleSegment(140, 65, sgd));
        Assert.Equal(["exp_avg", "exp_avg_sq", "momentum_buffer"], grouped.StateNames);
        var whole = new Run(grouped, 205);
        var server = new Run(grouped, 205, rangeStart: 33);
        var (first, second, third) = (new Run(decaying, 205), new Run(new AdamWOptions(WeightDecay: 0).CreateRule(), 205) { Factor = 0.5 }, new Run(sgd, 205));
        float[] initial = whole.Weights.Span.ToArray();
        for (int step = 1; step <= 5; step++)
        {
            whole.Apply(step, 0, 205);
            foreach (var (from, to) in new[] { (33, 34), (34, 97), (97, 100), (100, 205) }) server.Apply(step, from, to);
            Assert.Equal(whole.Next.Span[33..].ToArray(), server.Next.Span[33..].ToArray());
            foreach (var (run, from, to) in new[] { (first, 0, 50), (second, 50, 80), (third, 140, 205) })
            {
                run.Apply(step, from, to);
                Assert.Equal(run.Next.Span[from..to].ToArray(), whole.Next.Span[from..to].ToArray());
            }
            Assert.Equal(initial[80..140], whole.Next.Span[80..140].ToArray());
            foreach (var run in new[] { whole, server, first, second, third }) run.Advance();
        }
    }

    [Fact]
    public void Segments_that_overlap_are_refused()
    {
        var rule = new SGDOptions().CreateRule();
        var error = Assert.Throws<ArgumentException>(() => new GroupedRule(new RuleSegment(0, 20, rule), new RuleSegment(16, 20, null)));
        Assert.Equal("parameter groups: the segment at 16 overlaps the one at 0 of length 20", error.Message);
    }

    /// <summary>Weights, gradients and state of one run; gradients are random and new in every step.</summary>
    private sealed class Run
    {
        private readonly UpdateRule rule;
        private readonly int rangeStart;
        private readonly FloatBuffer[] state;
        private readonly FloatBuffer gradient;

        public Run(UpdateRule rule, int length, int rangeStart = 0)
        {
            (this.rule, this.rangeStart) = (rule, rangeStart);
            (Weights, Next, gradient) = (new FloatBuffer(length), new FloatBuffer(length), new FloatBuffer(length));
            state = [.. rule.StateNames.Select(_ => new FloatBuffer(length - rangeStart))];
            Philox.FillNormal(Weights.Span, RandomKey.Create(1, 0));
        }

        public FloatBuffer Weights { get; }

        public FloatBuffer Next { get; }

        public double Factor { get; init; } = 1;

        public void Apply(int step, int from, int to)
        {
            Philox.FillNormal(gradient.Span, RandomKey.Create(2, (ulong)step));
            var slices = new StateSlices(state, from - rangeStart, to - from, from);
            rule.Apply(step, 0.01 * Factor, 0.75f, Weights.Span[from..to], gradient.Span[from..to], slices, Next.Span[from..to]);
        }

        public void Advance() => Next.Span.CopyTo(Weights.Span);
    }
}
