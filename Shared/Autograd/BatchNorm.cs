using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// Batch normalization of <c>[N, C, *]</c>, as PyTorch's <c>batch_norm</c>: with the batch's own statistics in training, with the running ones otherwise. See https://arxiv.org/abs/1502.03167.
        /// </summary>
        /// <param name="runningMean"><c>[C]</c>; in training it is updated in place, with the share <paramref name="momentum"/> of the batch's; may be null in training.</param>
        /// <param name="runningVar"><c>[C]</c>, likewise, with the unbiased variance.</param>
        /// <param name="weight"><c>[C]</c>; 1 if null.</param>
        /// <param name="bias"><c>[C]</c>; 0 if null.</param>
        /// <param name="training">Whether to use the batch's statistics.</param>
        /// <param name="momentum">The batch's share of the new running statistics.</param>
        /// <param name="eps">Added to the variance.</param>
        /// <exception cref="ArgumentException">Shapes do not fit, running statistics are missing, or training would see one value for each channel.</exception>
        public Tensor BatchNorm(Tensor? runningMean, Tensor? runningVar, Tensor? weight = null, Tensor? bias = null, bool training = false, float momentum = 0.1f, float eps = 1e-5f)
        {
            if (!training)
            {
                if (runningMean is not { } fixedMean || runningVar is not { } fixedVariance) throw new ArgumentException("BatchNorm: the running mean and variance are needed outside of training");
                return Normalized(x, weight, bias, fixedMean.Detach().Contiguous(), fixedVariance.Detach().Contiguous(), training, eps);
            }
            var (y, mean, variance) = x.BatchNormTraining(weight, bias, eps);
            float count = x.Numel / Math.Max(1, x.Shape[1]);
            if (runningMean is { } m) Blend(m, mean, momentum, 1f);
            if (runningVar is { } v) Blend(v, variance, momentum, count / (count - 1f));
            return y;
        }

        /// <summary>
        /// Batch normalization with the batch's own statistics, which are returned too: each channel's mean and biased variance, <c>[C]</c>. For those who keep running statistics themselves.
        /// </summary>
        /// <exception cref="ArgumentException">Shapes do not fit, or there is one value for each channel.</exception>
        public (Tensor Output, Tensor Mean, Tensor Variance) BatchNormTraining(Tensor? weight = null, Tensor? bias = null, float eps = 1e-5f)
        {
            var (batch, channels, inner) = ChannelsOf(x, weight, bias, "BatchNorm");
            if (batch * inner < 2) throw new ArgumentException($"BatchNorm: input {x.Shape} has {batch * inner} values for each channel, expected at least 2 in training");
            Tensor input = x.Contiguous(), mean = TensorMemory.Empty(new Shape(channels)), variance = TensorMemory.Empty(new Shape(channels));
            Simd.BatchNorm.Statistics(batch, channels, inner, input.Span, mean.Span, variance.Span);
            return (Normalized(input, weight, bias, mean, variance, training: true, eps), mean, variance);
        }
    }

    private static Tensor Normalized(Tensor x, Tensor? weight, Tensor? bias, Tensor mean, Tensor variance, bool training, float eps)
    {
        var (batch, channels, inner) = ChannelsOf(x, weight, bias, "BatchNorm");
        var expected = new Shape(channels);
        if (mean.Shape != expected || variance.Shape != expected) throw new ArgumentException($"BatchNorm: running mean {mean.Shape} and variance {variance.Shape}, expected {expected} for input {x.Shape}");
        Tensor input = x.Contiguous(), rstd = TensorMemory.Empty(expected), y = TensorMemory.Empty(input.Shape);
        Simd.BatchNorm.ReciprocalRoot(variance.Span, eps, rstd.Span);
        // A batch of nothing is normalized to nothing.
        if (y.Numel > 0) Simd.BatchNorm.Normalize(batch, channels, inner, input.Span, mean.Span, rstd.Span, SpanOf(weight), SpanOf(bias), y.Span);
        if (RecordAffine<BatchNormRule>(y, input, weight, bias) is { } rule)
            (rule.X, rule.Mean, rule.Rstd, rule.Batch, rule.Channels, rule.Inner, rule.OwnStatistics, rule.Eps) = (input, mean, rstd, batch, channels, inner, training, eps);
        return y;
    }

    /// <summary>running = (1 − share)·running + share·factor·observed, in place.</summary>
    private static void Blend(Tensor running, Tensor observed, float share, float factor)
    {
        var target = running.Span;
        Elementwise.Multiply(target, 1f - share, target);
        Elementwise.AddScaled(share * factor, observed.Span, target);
        running.Node.Storage.Version++;
    }

    private sealed class BatchNormRule : AffineRule
    {
        public Saved X;
        public Saved Mean;
        public Saved Rstd;
        public int Batch;
        public int Channels;
        public int Inner;
        public bool OwnStatistics;

        public float Eps;

        internal override (string Name, object Value)[] Settings => [("own", OwnStatistics), ("mean", Mean.Get(this)), ("rstd", Rstd.Get(this)), ("eps", Eps), ("weight", WeightAt), ("bias", BiasAt)];

        protected override void Backward(Tensor gradient)
        {
            // The kernel needs the parameters' gradients for the input's, whether or not they are wanted.
            Tensor dWeight = TensorMemory.Empty(new Shape(Channels)), dBias = TensorMemory.Empty(new Shape(Channels));
            var dx = InputTarget(out bool accumulate);
            if (gradient.Numel == 0)
            {
                dWeight.Span.Clear();
                dBias.Span.Clear();
            }
            else Simd.BatchNorm.Backward(
                Batch, Channels, Inner, gradient.Span, X.Get(this).Span, Mean.Get(this).Span, Rstd.Get(this).Span, Weight(), OwnStatistics, dx, dWeight.Span, dBias.Span, accumulate);
            if (WeightAt >= 0) GiveNew(WeightAt, dWeight);
            if (BiasAt >= 0) GiveNew(BiasAt, dBias);
        }

        protected override void Forget()
        {
            base.Forget();
            X = Mean = Rstd = default;
        }
    }
}
