using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>
        /// Sets each element to zero with probability <paramref name="p"/> and scales the others by 1/(1 − p). Which ones depends on the key and the element's position only, so backward
        /// draws the same mask again instead of keeping it.
        /// </summary>
        /// <param name="p">The probability, in [0, 1].</param>
        /// <param name="key">Names the random numbers to use.</param>
        public Tensor Dropout(float p, RandomKey key)
        {
            Types.RequireFloat(x, "Dropout");
            if (!(p >= 0f && p <= 1f)) throw new ArgumentException($"Dropout: p was {p}, expected 0 to 1");
            key = Recomputation.Drawn(key);
            var y = TensorMemory.Empty(x.Shape);
            Philox.Dropout(x.Contiguous().Span, y.Span, p, key);
            if (Recorder.Record<DropoutRule>(y, x) is { } rule) (rule.P, rule.Key) = (p, key);
            return y;
        }
    }

    private sealed class DropoutRule : Rule
    {
        public float P;
        public RandomKey Key;

        protected override void Backward(Tensor gradient)
        {
            if (TakesMemory(0))
            {
                var own = Scratch(gradient);
                Philox.Dropout(gradient.Span, own.Span, P, Key);
                Pass(0, own, gradient);
                return;
            }
            var target = Target(0, out bool accumulate);
            Philox.Dropout(gradient.Span, target, P, Key, accumulate: accumulate);
        }

        protected override void Forget() { }
    }
}
