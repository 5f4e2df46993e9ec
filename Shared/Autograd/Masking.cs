using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor)
    {
        /// <summary>a where the condition is true, b elsewhere, with broadcasting.</summary>
        /// <exception cref="ArgumentException">The condition is not Bool, a and b differ in type, or shapes do not broadcast.</exception>
        public static Tensor Where(Tensor condition, Tensor a, Tensor b)
        {
            Types.RequireBool(condition, "Where");
            if (a.Type != b.Type) throw new ArgumentException($"Where: one tensor holds {a.Type}, the other {b.Type}, expected the same");
            var shape = Broadcasting.Common(Broadcasting.Common(a.Shape, b.Shape, "Where"), condition.Shape, "Where");
            var mask = Broadcasting.Expanded(condition, shape);
            Tensor x = Broadcasting.Expanded(a, shape), z = Broadcasting.Expanded(b, shape), y = TensorMemory.Empty(shape, a.Type);
            switch (a.Type)
            {
                case DType.Float32: Masks.Choose<float>(mask.BoolSpan, x.Span, z.Span, y.Span); break;
                case DType.Int64: Masks.Choose<long>(mask.BoolSpan, x.LongSpan, z.LongSpan, y.LongSpan); break;
                default: Masks.Choose<bool>(mask.BoolSpan, x.BoolSpan, z.BoolSpan, y.BoolSpan); break;
            }
            if (Recorder.Record<WhereRule>(y, a, b) is { } rule) (rule.Mask, rule.Given) = (mask, condition);
            return y;
        }
    }

    extension(Tensor x)
    {
        /// <summary>x with a constant where the mask, which broadcasts to x, is true.</summary>
        /// <exception cref="ArgumentException">The mask is not Bool or does not broadcast to x.</exception>
        public Tensor MaskedFill(Tensor mask, float value)
        {
            Types.RequireFloat(x, "MaskedFill");
            Types.RequireBool(mask, "MaskedFill");
            var shape = Broadcasting.Common(x.Shape, mask.Shape, "MaskedFill");
            Tensor where = Broadcasting.Expanded(mask, shape), source = Broadcasting.Expanded(x, shape), y = TensorMemory.Empty(shape);
            Masks.Fill<float>(where.BoolSpan, source.Span, value, y.Span);
            if (Recorder.Record<MaskedFillRule>(y, x) is { } rule) (rule.Mask, rule.Given, rule.Value) = (where, mask, value);
            return y;
        }

        /// <summary>The elements where the mask, which broadcasts to x, is true: a vector.</summary>
        public Tensor MaskedSelect(Tensor mask)
        {
            Types.RequireBool(mask, "MaskedSelect");
            var shape = Broadcasting.Common(x.Shape, mask.Shape, "MaskedSelect");
            var where = Broadcasting.Expanded(mask, shape).BoolSpan;
            var indices = TensorMemory.Empty(new Shape(where.Count(true)), DType.Int64);
            var positions = indices.LongSpan;
            for (int i = 0, at = 0; i < where.Length; i++)
                if (where[i]) positions[at++] = i;
            return x.Expand(shape).Flatten().IndexSelect(0, indices);
        }

        /// <summary>The lower triangle of the last two dimensions, zero above diagonal <paramref name="diagonal"/> (0 the main one, positive ones above it).</summary>
        public Tensor Tril(int diagonal = 0) => x.MaskedFill(Triangle(x, diagonal, above: true), 0f);

        /// <summary>The upper triangle of the last two dimensions, zero below diagonal <paramref name="diagonal"/>.</summary>
        public Tensor Triu(int diagonal = 0) => x.MaskedFill(Triangle(x, diagonal, above: false), 0f);
    }

    private static Tensor Triangle(Tensor x, int diagonal, bool above)
    {
        if (x.Rank < 2) throw new ArgumentException($"Tril, Triu: the tensor has shape {x.Shape}, expected at least two dimensions");
        int rows = x.Shape[^2], columns = x.Shape[^1];
        var mask = TensorMemory.Empty(new Shape(rows, columns), DType.Bool);
        var span = mask.BoolSpan;
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                span[r * columns + c] = above ? c > r + diagonal : c < r + diagonal;
        return mask;
    }

    private sealed class WhereRule : Rule
    {
        public Saved Mask;
        public Tensor Given;

        internal override (string Name, object Value)[] Settings => [("mask", Given)];

        protected override void Backward(Tensor gradient)
        {
            var mask = Mask.Get(this).BoolSpan;
            for (int input = 0; input < 2; input++)
                if (Needs(input)) Keep(input, mask, input == 0, gradient);
        }

        protected override void Forget() => (Mask, Given) = (default, default);

        private void Keep(int input, ReadOnlySpan<bool> mask, bool keep, Tensor gradient)
        {
            if (InputShape(input) == OutputShape)
            {
                var target = Target(input, out bool accumulate);
                Masks.Keep(mask, keep, gradient.Span, target, accumulate);
                return;
            }
            var whole = TensorMemory.Empty(OutputShape);
            Masks.Keep(mask, keep, gradient.Span, whole.Span);
            GiveNew(input, whole);
        }
    }

    private sealed class MaskedFillRule : Rule
    {
        public Saved Mask;
        public Tensor Given;
        public float Value;

        internal override (string Name, object Value)[] Settings => [("mask", Given), ("value", Value)];

        protected override void Backward(Tensor gradient)
        {
            var own = Scratch(gradient);
            Masks.Keep(Mask.Get(this).BoolSpan, false, gradient.Span, own.Span);
            Pass(0, own, gradient);
        }

        protected override void Forget() => (Mask, Given) = (default, default);
    }
}
