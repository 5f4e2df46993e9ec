using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>Where x = y, with broadcasting: a Bool tensor. Of two Float32, two Int64 or two Bool tensors, as all comparisons.</summary>
        /// <exception cref="ArgumentException">The types differ or the shapes do not broadcast.</exception>
        public Tensor Eq(Tensor y) => Compare(Comparison.Equal, x, y, "Eq");

        /// <summary>Where x ≠ y.</summary>
        public Tensor Ne(Tensor y) => Compare(Comparison.NotEqual, x, y, "Ne");

        /// <summary>Where x &lt; y.</summary>
        public Tensor Lt(Tensor y) => Compare(Comparison.Less, x, y, "Lt");

        /// <summary>Where x ≤ y.</summary>
        public Tensor Le(Tensor y) => Compare(Comparison.LessOrEqual, x, y, "Le");

        /// <summary>Where x &gt; y.</summary>
        public Tensor Gt(Tensor y) => Compare(Comparison.Greater, x, y, "Gt");

        /// <summary>Where x ≥ y.</summary>
        public Tensor Ge(Tensor y) => Compare(Comparison.GreaterOrEqual, x, y, "Ge");

        /// <summary>Where x = value.</summary>
        public Tensor Eq(float value) => Compare(Comparison.Equal, x, value);

        /// <summary>Where x ≠ value.</summary>
        public Tensor Ne(float value) => Compare(Comparison.NotEqual, x, value);

        /// <summary>Where x &lt; value.</summary>
        public Tensor Lt(float value) => Compare(Comparison.Less, x, value);

        /// <summary>Where x ≤ value.</summary>
        public Tensor Le(float value) => Compare(Comparison.LessOrEqual, x, value);

        /// <summary>Where x &gt; value.</summary>
        public Tensor Gt(float value) => Compare(Comparison.Greater, x, value);

        /// <summary>Where x ≥ value.</summary>
        public Tensor Ge(float value) => Compare(Comparison.GreaterOrEqual, x, value);

        /// <summary>Where both Bool tensors are true, with broadcasting.</summary>
        public Tensor LogicalAnd(Tensor y) => Join(x, y, "LogicalAnd", static (a, b) => a & b);

        /// <summary>Where either Bool tensor is true.</summary>
        public Tensor LogicalOr(Tensor y) => Join(x, y, "LogicalOr", static (a, b) => a | b);

        /// <summary>Where exactly one of the Bool tensors is true.</summary>
        public Tensor LogicalXor(Tensor y) => Join(x, y, "LogicalXor", static (a, b) => a ^ b);

        /// <summary>Where the Bool tensor is false.</summary>
        public Tensor LogicalNot()
        {
            Types.RequireBool(x, "LogicalNot");
            var source = x.Contiguous();
            var y = TensorMemory.Empty(source.Shape, DType.Bool);
            Span<bool> from = source.BoolSpan, to = y.BoolSpan;
            for (int i = 0; i < to.Length; i++) to[i] = !from[i];
            Trace.Current?.Add("LogicalNot", y, [source]);
            return y;
        }

        /// <summary>Whether any element is true (or not zero).</summary>
        public bool Any() => x.To(DType.Bool).Contiguous().BoolSpan.Contains(true);

        /// <summary>Whether all elements are true (or not zero).</summary>
        public bool All() => !x.To(DType.Bool).Contiguous().BoolSpan.Contains(false);
    }

    private static Tensor Compare(Comparison comparison, Tensor x, Tensor y, string operation)
    {
        if (x.Type != y.Type) throw new ArgumentException($"{operation}: one tensor holds {x.Type}, the other {y.Type}, expected the same: convert with To()");
        var shape = Broadcasting.Common(x.Shape, y.Shape, operation);
        var (a, b) = (Broadcasting.Expanded(x, shape), Broadcasting.Expanded(y, shape));
        var result = TensorMemory.Empty(shape, DType.Bool);
        switch (x.Type)
        {
            case DType.Float32: Masks.Compare<float>(comparison, a.Span, b.Span, result.BoolSpan); break;
            case DType.Int64: Masks.Compare<long>(comparison, a.LongSpan, b.LongSpan, result.BoolSpan); break;
            default: Masks.Compare<byte>(comparison, AsBytes(a), AsBytes(b), result.BoolSpan); break;
        }
        Trace.Current?.Add($"{comparison}", result, [x, y]);
        return result;
    }

    private static Tensor Compare(Comparison comparison, Tensor x, float value)
    {
        var source = (x.Type == DType.Float32 ? x : x.To(DType.Float32)).Contiguous();
        var result = TensorMemory.Empty(source.Shape, DType.Bool);
        Masks.Compare(comparison, source.Span, [value], result.BoolSpan);
        Trace.Current?.Add($"{comparison}", result, [source], ("value", value));
        return result;
    }

    private static Tensor Join(Tensor x, Tensor y, string operation, Func<bool, bool, bool> rule)
    {
        Types.RequireBool(x, operation);
        Types.RequireBool(y, operation);
        var shape = Broadcasting.Common(x.Shape, y.Shape, operation);
        Span<bool> a = Broadcasting.Expanded(x, shape).BoolSpan, b = Broadcasting.Expanded(y, shape).BoolSpan;
        var result = TensorMemory.Empty(shape, DType.Bool);
        var destination = result.BoolSpan;
        for (int i = 0; i < destination.Length; i++) destination[i] = rule(a[i], b[i]);
        Trace.Current?.Add(operation, result, [x, y]);
        return result;
    }

    private static ReadOnlySpan<byte> AsBytes(Tensor mask) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(mask.BoolSpan);
}
