using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The slices of one dimension that an Int64 vector names, in its order; one may be named more than once.</summary>
        /// <param name="dim">The dimension.</param>
        /// <param name="indices">Int64 <c>[M]</c>, each in [0, size).</param>
        /// <exception cref="ArgumentException">The indices are no Int64 vector, or one is out of range.</exception>
        public Tensor IndexSelect(int dim, Tensor indices)
        {
            Types.RequireIndices(indices, "IndexSelect");
            if (indices.Rank > 1) throw new ArgumentException($"IndexSelect: the indices have shape {indices.Shape}, expected a vector");
            dim = x.Shape.Normalize(dim);
            return Picked(x, dim, indices, x.Shape.With(dim, indices.Numel), -1, "IndexSelect");
        }

        /// <summary>
        /// y[i, j, …] = x[indices[i, j, …], j, …] for dimension 0, and alike for others, as PyTorch's <c>gather</c>: the result has the shape of the indices.
        /// </summary>
        /// <exception cref="ArgumentException">The ranks differ, another dimension of the indices is larger than the tensor's, or an index is out of range.</exception>
        public Tensor Gather(int dim, Tensor indices)
        {
            Types.RequireIndices(indices, "Gather");
            Scattering.Check(x.Shape, ref dim, indices, indices.Shape, "Gather");
            if (x.Rank == 0) return x;
            Tensor source = x.Contiguous(), where = indices.Contiguous();
            var y = TensorMemory.Empty(where.Shape, x.Type);
            switch (x.Type)
            {
                case DType.Float32: Scattering.Gather<float>(source.Shape, dim, source.Span, where.Shape, where.LongSpan, y.Span); break;
                case DType.Int64: Scattering.Gather<long>(source.Shape, dim, source.LongSpan, where.Shape, where.LongSpan, y.LongSpan); break;
                default: Scattering.Gather<bool>(source.Shape, dim, source.BoolSpan, where.Shape, where.LongSpan, y.BoolSpan); break;
            }
            if (Recorder.Record<GatherRule>(y, source) is { } rule) (rule.Indices, rule.Dim) = (where, dim);
            return y;
        }

        /// <summary>x with every element of <paramref name="source"/> added at the place its index names along one dimension, as PyTorch's <c>scatter_add</c>.</summary>
        /// <exception cref="ArgumentException">Ranks or shapes do not fit, or an index is out of range.</exception>
        public Tensor ScatterAdd(int dim, Tensor indices, Tensor source)
        {
            Types.RequireFloat(x, "ScatterAdd");
            Types.RequireFloat(source, "ScatterAdd");
            Types.RequireIndices(indices, "ScatterAdd");
            Scattering.Check(x.Shape, ref dim, indices, source.Shape, "ScatterAdd");
            var (where, values) = (indices.Contiguous(), source.Contiguous());
            var y = TensorMemory.Empty(x.Shape);
            x.CopyTo(y.Span);
            Scattering.Add(y.Shape, dim, y.Span, where.Shape, where.LongSpan, values.Shape, values.Span);
            if (Recorder.Record<ScatterAddRule>(y, x, values) is { } rule) (rule.Indices, rule.Dim) = (where, dim);
            return y;
        }
    }

    extension(Tensor indices)
    {
        /// <summary>Rows of a table by number, as PyTorch's <c>embedding</c>: indices <c>[*]</c> (Int64, in [0, N)), weight <c>[N, D]</c>, output <c>[*, D]</c>.</summary>
        /// <param name="weight">The table.</param>
        /// <param name="paddingIdx">A row that gets no gradient; −1 for none.</param>
        /// <exception cref="ArgumentException">The table is no matrix, or an index is out of range.</exception>
        public Tensor Embedding(Tensor weight, int paddingIdx = -1)
        {
            Types.RequireIndices(indices, "Embedding");
            Types.RequireFloat(weight, "Embedding");
            if (weight.Rank != 2) throw new ArgumentException($"Embedding: the weight has shape {weight.Shape}, expected [N, D]");
            return Picked(weight, 0, indices, indices.Shape.Insert(indices.Rank, weight.Shape[1]), paddingIdx, "Embedding");
        }
    }

    private static Tensor Picked(Tensor x, int dim, Tensor indices, Shape shape, int padding, string operation)
    {
        Tensor source = x.Contiguous(), which = indices.Contiguous();
        var (outer, n, inner) = Axes.Split(source.Shape, dim);
        Labels.CheckIndices(which.LongSpan, n, operation);
        var y = TensorMemory.Empty(shape, x.Type);
        switch (x.Type)
        {
            case DType.Float32: Rows.Select<float>(outer, n, inner, source.Span, which.LongSpan, y.Span); break;
            case DType.Int64: Rows.Select<long>(outer, n, inner, source.LongSpan, which.LongSpan, y.LongSpan); break;
            default: Rows.Select<bool>(outer, n, inner, source.BoolSpan, which.LongSpan, y.BoolSpan); break;
        }
        if (Recorder.Record<PickRule>(y, source) is { } rule)
            (rule.Indices, rule.Outer, rule.N, rule.Inner, rule.Padding, rule.Operation) = (which, outer, n, inner, padding, operation);
        return y;
    }

    /// <summary>index_select and embedding.</summary>
    private sealed class PickRule : Rule
    {
        public Saved Indices;
        public int Outer;
        public int N;
        public int Inner;
        public int Padding;
        public string Operation = "";

        public override string Name => Operation;

        internal override (string Name, object Value)[] Settings => [("indices", Indices.Get(this)), ("outer", Outer), ("n", N)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            if (!accumulate) target.Clear();
            Rows.Add(Outer, N, Inner, gradient.Span, Indices.Get(this).LongSpan, Padding, target);
        }

        protected override void Forget() => Indices = default;
    }

    private sealed class GatherRule : Rule
    {
        public Saved Indices;
        public int Dim;

        internal override (string Name, object Value)[] Settings => [("indices", Indices.Get(this)), ("dim", Dim)];

        protected override void Backward(Tensor gradient)
        {
            var target = Target(0, out bool accumulate);
            if (!accumulate) target.Clear();
            var indices = Indices.Get(this);
            Scattering.Add(InputShape(0), Dim, target, indices.Shape, indices.LongSpan, gradient.Shape, gradient.Span);
        }

        protected override void Forget() => Indices = default;
    }

    private sealed class ScatterAddRule : Rule
    {
        public Saved Indices;
        public int Dim;

        internal override (string Name, object Value)[] Settings => [("indices", Indices.Get(this)), ("dim", Dim)];

        protected override void Backward(Tensor gradient)
        {
            if (Needs(1))
            {
                var indices = Indices.Get(this);
                var picked = TensorMemory.Empty(indices.Shape);
                Scattering.Gather<float>(gradient.Shape, Dim, gradient.Span, indices.Shape, indices.LongSpan, picked.Span);
                if (indices.Shape == InputShape(1)) GiveNew(1, picked);
                else
                {
                    var whole = Tensor.Zeros(InputShape(1));
                    Strided.Scatter(picked.Span, whole.Node.Storage.Floats, whole.Node.Offset, indices.Shape, whole.Node.Strides, accumulate: false);
                    GiveNew(1, whole);
                }
            }
            Give(0, gradient);
        }

        protected override void Forget() => Indices = default;
    }
}
