using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// Group normalization of <c>[N, C, *]</c>, as PyTorch's <c>group_norm</c>: each sample's channels are normalized in groups of C/numGroups. See https://arxiv.org/abs/1803.08494.
        /// </summary>
        /// <param name="numGroups">The number of groups; C is a multiple.</param>
        /// <param name="weight"><c>[C]</c>; 1 if null.</param>
        /// <param name="bias"><c>[C]</c>; 0 if null.</param>
        /// <param name="eps">Added to the variance.</param>
        /// <exception cref="ArgumentException">Shapes do not fit.</exception>
        public Tensor GroupNorm(int numGroups, Tensor? weight = null, Tensor? bias = null, float eps = 1e-5f)
        {
            var (batch, channels, inner) = ChannelsOf(x, weight, bias, "GroupNorm");
            if (numGroups < 1 || channels % numGroups != 0) throw new ArgumentException($"GroupNorm: {channels} channels (input {x.Shape}) are no multiple of {numGroups} groups");
            if (inner == 0) throw new ArgumentException($"GroupNorm: input {x.Shape} has no elements in a channel");
            var input = x.Contiguous();
            Tensor y = TensorMemory.Empty(input.Shape), mean = TensorMemory.Empty(new Shape(batch, numGroups)), rstd = TensorMemory.Empty(new Shape(batch, numGroups));
            Simd.GroupNorm.Forward(batch, channels, inner, numGroups, input.Span, SpanOf(weight), SpanOf(bias), eps, y.Span, mean.Span, rstd.Span);
            if (RecordAffine<GroupNormRule>(y, input, weight, bias) is { } rule)
                (rule.X, rule.Mean, rule.Rstd, rule.Batch, rule.Channels, rule.Inner, rule.Groups, rule.Eps) = (input, mean, rstd, batch, channels, inner, numGroups, eps);
            return y;
        }
    }

    private static (int Batch, int Channels, int Inner) ChannelsOf(Tensor x, Tensor? weight, Tensor? bias, string operation)
    {
        Types.RequireFloat(x, operation);
        if (x.Rank < 2) throw new ArgumentException($"{operation}: input {x.Shape}, expected [N, C, *]");
        var expected = new Shape(x.Shape[1]);
        if (weight is { } w && w.Shape != expected) throw new ArgumentException($"{operation}: weight {w.Shape}, expected {expected} for input {x.Shape}");
        if (bias is { } b && b.Shape != expected) throw new ArgumentException($"{operation}: bias {b.Shape}, expected {expected} for input {x.Shape}");
        return (x.Shape[0], x.Shape[1], x.Shape.With(0, 1).With(1, 1).Numel);
    }

    private sealed class GroupNormRule : AffineRule
    {
        public Saved X;
        public Saved Mean;
        public Saved Rstd;
        public int Batch;
        public int Channels;
        public int Inner;
        public int Groups;

        public float Eps;

        internal override (string Name, object Value)[] Settings => [("groups", Groups), ("eps", Eps), ("weight", WeightAt), ("bias", BiasAt)];

        protected override void Backward(Tensor gradient)
        {
            Span<float> dWeight = WeightTarget(), dBias = BiasTarget(), dx = InputTarget(out bool accumulate);
            Simd.GroupNorm.Backward(
                Batch, Channels, Inner, Groups, gradient.Span, X.Get(this).Span, Weight(), Mean.Get(this).Span, Rstd.Get(this).Span, dx, dWeight, dBias, accumulate, accumulateParameters: true);
        }

        protected override void Forget()
        {
            base.Forget();
            X = Mean = Rstd = default;
        }
    }
}
