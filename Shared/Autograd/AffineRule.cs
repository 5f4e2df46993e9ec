using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    /// <summary>Records a normalization, whose weight and bias may be absent.</summary>
    private static TRule? RecordAffine<TRule>(Tensor output, Tensor input, Tensor? weight, Tensor? bias) where TRule : AffineRule, new()
    {
        var rule = (weight, bias) switch
        {
            ({ } w, { } b) => Recorder.Record<TRule>(output, input, w, b),
            ({ } w, null) => Recorder.Record<TRule>(output, input, w),
            (null, { } b) => Recorder.Record<TRule>(output, input, b),
            _ => Recorder.Record<TRule>(output, input),
        };
        if (rule == null) return null;
        rule.Begin(weight);
        (rule.WeightAt, rule.BiasAt) = (weight != null ? 1 : -1, bias == null ? -1 : weight != null ? 2 : 1);
        return rule;
    }

    /// <summary>The elements of an optional parameter; none where it is absent.</summary>
    private static ReadOnlySpan<float> SpanOf(Tensor? parameter) => parameter is { } p ? p.Detach().Contiguous().Span : default;

    /// <summary>The gradient of a normalization with weight and bias, each of which may be absent or need no gradient.</summary>
    private abstract class AffineRule : Rule
    {
        private Saved weight;

        public int WeightAt { get; set; }

        public int BiasAt { get; set; }

        public void Begin(Tensor? weight)
        {
            if (weight is { } w) this.weight = w;
        }

        /// <summary>The weight; empty without one.</summary>
        protected ReadOnlySpan<float> Weight() => WeightAt < 0 ? default : weight.Get(this).Contiguous().Span;

        /// <summary>Where to add the weight's gradient; empty where none is needed.</summary>
        protected Span<float> WeightTarget() => Started(WeightAt);

        /// <summary>Where to add the bias' gradient; empty where none is needed.</summary>
        protected Span<float> BiasTarget() => Started(BiasAt);

        /// <summary>Where to write the input's gradient; empty where none is needed.</summary>
        protected Span<float> InputTarget(out bool accumulate)
        {
            accumulate = false;
            return Needs(0) ? Target(0, out accumulate) : default;
        }

        protected override void Forget() => weight = default;

        /// <summary>Zeros are put where nothing has been added yet, since one flag serves weight and bias alike.</summary>
        private Span<float> Started(int input)
        {
            if (input < 0 || !Needs(input)) return default;
            var target = Target(input, out bool accumulate);
            if (!accumulate) target.Clear();
            return target;
        }
    }
}
