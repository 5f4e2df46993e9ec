using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The tensor with a constant around it, as PyTorch's <c>pad</c>.</summary>
        /// <param name="pad">How much before and behind, in pairs from the last dimension backwards: <c>[left, right, top, bottom]</c>. Each 0 or more.</param>
        /// <param name="value">What to pad with.</param>
        /// <exception cref="ArgumentException">An odd number of sizes, more than two for each dimension, or a negative one.</exception>
        public Tensor Pad(ReadOnlySpan<int> pad, float value = 0f)
        {
            Types.RequireFloat(x, "Pad");
            if (pad.Length % 2 != 0 || pad.Length > 2 * x.Rank || pad.ContainsAnyExceptInRange(0, int.MaxValue))
                throw new ArgumentException($"Pad: sizes [{string.Join(", ", pad.ToArray())}] for shape {x.Shape}, expected pairs of 0 or more from the last dimension backwards");
            var shape = x.Shape;
            Span<int> starts = stackalloc int[Shape.MaxRank];
            starts.Clear();
            for (int i = 0; i < pad.Length / 2; i++)
            {
                int dim = x.Rank - 1 - i;
                starts[dim] = pad[2 * i];
                shape = shape.With(dim, checked(shape[dim] + pad[2 * i] + pad[2 * i + 1]));
            }
            var inside = Layout.Dense(shape);
            for (int d = 0; d < x.Rank; d++) inside = inside.Narrow(d, starts[d], x.Shape[d], 1);
            var y = Tensor.Full(shape, value);
            Strided.Scatter(x.Detach().Contiguous().Span, y.Node.Storage.Floats, y.Node.Offset + inside.Offset, inside.Shape, inside.Strides, accumulate: false);
            if (Recorder.Record<PadRule>(y, x) is { } rule) (rule.Inside, rule.Value) = (inside, value);
            return y;
        }
    }

    private sealed class PadRule : Rule
    {
        public Layout Inside;
        public float Value;

        internal override (string Name, object Value)[] Settings => [("inside", Inside), ("value", Value)];

        protected override void Backward(Tensor gradient)
        {
            var n = gradient.Node;
            Give(0, TensorMemory.View(n, Inside.Shape, Inside.Strides, n.Offset + Inside.Offset));
        }

        protected override void Forget() { }
    }
}
