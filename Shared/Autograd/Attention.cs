using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor query)
    {
        /// <summary>
        /// softmax(q·kᵀ·scale + mask)·v, as PyTorch's <c>scaled_dot_product_attention</c>: query <c>[*, T, D]</c>, key <c>[*, S, D]</c>, value <c>[*, S, D]</c>, output <c>[*, T, D]</c>.
        /// </summary>
        /// <param name="key">The keys.</param>
        /// <param name="value">The values.</param>
        /// <param name="attnMask">Broadcasts to <c>[*, T, S]</c>: Bool, true where attention may go; or Float32, added to the scores. None if null.</param>
        /// <param name="isCausal">Whether row t attends to columns 0 to t only.</param>
        /// <param name="scale">A factor on the scores; 1/√D if null.</param>
        /// <exception cref="ArgumentException">Shapes or types do not fit, or both a mask and isCausal are given.</exception>
        public Tensor ScaledDotProductAttention(Tensor key, Tensor value, Tensor? attnMask = null, bool isCausal = false, float? scale = null)
        {
            Types.RequireFloat(query, "ScaledDotProductAttention");
            Types.RequireFloat(key, "ScaledDotProductAttention");
            Types.RequireFloat(value, "ScaledDotProductAttention");
            if (query.Rank < 2 || key.Rank < 2 || value.Rank < 2 || query.Shape[^1] != key.Shape[^1] || key.Shape[^2] != value.Shape[^2])
                throw new ArgumentException($"ScaledDotProductAttention: query {query.Shape}, key {key.Shape} and value {value.Shape}, expected [*, T, D], [*, S, D] and [*, S, D]");
            if (attnMask != null && isCausal) throw new ArgumentException("ScaledDotProductAttention: a mask and isCausal were both given, expected one at most");
            float factor = scale ?? 1f / MathF.Sqrt(query.Shape[^1]);
            if (attnMask == null && key.Shape == value.Shape && query.Shape.With(-2, 1) == key.Shape.With(-2, 1) && query.Numel > 0 && key.Numel > 0) return Fused(query, key, value, isCausal, factor);

            var scores = query.MatMul(key.Transpose(-2, -1)).Scale(factor);
            if (isCausal) scores = scores.MaskedFill(Triangle(scores, 0, above: true), float.NegativeInfinity);
            if (attnMask is { Type: DType.Bool } allowed) scores = scores.MaskedFill(allowed.LogicalNot(), float.NegativeInfinity);
            else if (attnMask is { } added) scores = scores + added;
            return scores.Softmax(-1).MatMul(value);
        }

        /// <summary>
        /// Self-attention on one projection for q, k and v: input <c>[N, T, 3·H·D]</c>, q, k and v one behind the other and each divided into H heads, output <c>[N, T, H·D]</c>. The same numbers as cutting,
        /// transposing and <c>ScaledDotProductAttention</c>, without a copy.
        /// </summary>
        /// <param name="heads">H.</param>
        /// <param name="isCausal">Whether row t attends to rows 0 to t only.</param>
        /// <param name="scale">A factor on the scores; 1/√D if null.</param>
        /// <exception cref="ArgumentException">The last size is no multiple of 3·heads.</exception>
        public Tensor SelfAttention(int heads, bool isCausal = false, float? scale = null)
        {
            Types.RequireFloat(query, "SelfAttention");
            if (query.Rank != 3 || heads < 1 || query.Shape[2] % (3 * heads) != 0) throw new ArgumentException($"SelfAttention: input {query.Shape} with {heads} heads, expected [N, T, 3*H*D]");
            var input = query.Contiguous();
            int batch = input.Shape[0], time = input.Shape[1], width = input.Shape[2] / 3;
            var shape = new AttentionShape(batch, heads, time, time, width / heads);
            Tensor y = TensorMemory.Empty(new Shape(batch, time, width)), sums = TensorMemory.Empty(new Shape(batch, heads, time)), work = TensorMemory.Empty(new Shape(shape.ForwardWorkspace));
            float factor = scale ?? 1f / MathF.Sqrt(shape.HeadWidth);
            if (y.Numel == 0) return y;
            var inside = HeadLayout.Interleaved(time, shape.HeadWidth, 3 * width);
            var x = input.Span;
            Simd.Attention.Forward(shape, x, inside, x[width..], inside, x[(2 * width)..], factor, isCausal, y.Span, HeadLayout.Interleaved(time, shape.HeadWidth, width), sums.Span, work.Span);
            if (Recorder.Record<SelfAttentionRule>(y, input) is { } rule)
                (rule.X, rule.Y, rule.Sums, rule.Geometry, rule.Causal, rule.Factor) = (input, y, sums, shape, isCausal, factor);
            return y;
        }
    }

    private static Tensor Fused(Tensor query, Tensor key, Tensor value, bool causal, float factor)
    {
        Tensor q = query.Contiguous(), k = key.Contiguous(), v = value.Contiguous();
        int rows = q.Shape[^2], keys = k.Shape[^2], width = q.Shape[^1];
        var shape = new AttentionShape(q.Numel / (rows * width), 1, rows, keys, width);
        Tensor y = TensorMemory.Empty(q.Shape), sums = TensorMemory.Empty(q.Shape.Without(-1)), work = TensorMemory.Empty(new Shape(shape.ForwardWorkspace));
        HeadLayout layoutQ = HeadLayout.Dense(1, rows, width), layoutK = HeadLayout.Dense(1, keys, width);
        Simd.Attention.Forward(shape, q.Span, layoutQ, k.Span, layoutK, v.Span, factor, causal, y.Span, layoutQ, sums.Span, work.Span);
        if (Recorder.Record<AttentionRule>(y, q, k, v) is { } rule)
            (rule.Q, rule.K, rule.V, rule.Y, rule.Sums, rule.Geometry, rule.Causal, rule.Factor) = (q, k, v, y, sums, shape, causal, factor);
        return y;
    }

    private sealed class AttentionRule : Rule
    {
        public Saved Q;
        public Saved K;
        public Saved V;
        public Saved Y;
        public Saved Sums;
        public AttentionShape Geometry;
        public bool Causal;
        public float Factor;

        public override string Name => "ScaledDotProductAttention";

        internal override (string Name, object Value)[] Settings => [("causal", Causal), ("scale", Factor)];

        protected override void Backward(Tensor gradient)
        {
            Tensor q = Q.Get(this), k = K.Get(this), v = V.Get(this), work = TensorMemory.Empty(new Shape(Geometry.BackwardWorkspace));
            HeadLayout layoutQ = HeadLayout.Dense(1, Geometry.Queries, Geometry.HeadWidth), layoutK = HeadLayout.Dense(1, Geometry.Keys, Geometry.HeadWidth);
            Tensor dq = TensorMemory.Empty(q.Shape), dk = TensorMemory.Empty(k.Shape), dv = TensorMemory.Empty(v.Shape);
            Simd.Attention.Backward(
                Geometry, q.Span, layoutQ, k.Span, layoutK, v.Span, Factor, Causal, Y.Get(this).Span, gradient.Span, layoutQ, Sums.Get(this).Span, dq.Span, dk.Span, dv.Span, work.Span);
            GiveNew(0, dq);
            GiveNew(1, dk);
            GiveNew(2, dv);
        }

        protected override void Forget() => Q = K = V = Y = Sums = default;
    }

    private sealed class SelfAttentionRule : Rule
    {
        public Saved X;
        public Saved Y;
        public Saved Sums;
        public AttentionShape Geometry;
        public bool Causal;
        public float Factor;

        internal override (string Name, object Value)[] Settings => [("heads", Geometry.Heads), ("causal", Causal), ("scale", Factor)];

        protected override void Backward(Tensor gradient)
        {
            int time = Geometry.Queries, width = Geometry.Heads * Geometry.HeadWidth;
            var inside = HeadLayout.Interleaved(time, Geometry.HeadWidth, 3 * width);
            var work = TensorMemory.Empty(new Shape(Geometry.BackwardWorkspace));
            var x = X.Get(this).Span;
            var target = Target(0, out bool accumulate);
            Simd.Attention.Backward(
                Geometry, x, inside, x[width..], inside, x[(2 * width)..], Factor, Causal, Y.Get(this).Span, gradient.Span, HeadLayout.Interleaved(time, Geometry.HeadWidth, width), Sums.Get(this).Span,
                target, target[width..], target[(2 * width)..], work.Span, accumulate);
        }

        protected override void Forget() => X = Y = Sums = default;
    }
}
