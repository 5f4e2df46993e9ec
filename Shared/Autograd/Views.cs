using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The same elements in row-major order in memory: the tensor itself where that is so already, else a copy.</summary>
        public Tensor Contiguous() => x.IsContiguous ? x : CopyOf(x);

        /// <summary>A copy in memory of its own that outlives the step it is made in; gradients flow through it.</summary>
        public Tensor Clone()
        {
            var n = x.Node;
            var y = TensorMemory.EmptyPersistent(n.Shape, n.Storage.Type);
            TensorMemory.Copy(n, y.Node);
            if (Recorder.Record<CloneRule>(y, x) != null) StepArena.Current?.Adopt(y.Node);
            return y;
        }

        /// <summary>The same elements under another shape; −1 stands for the size that is left over. No copy where the elements are contiguous.</summary>
        /// <exception cref="ArgumentException">The shapes have different numbers of elements.</exception>
        public Tensor Reshape(params ReadOnlySpan<int> sizes) => x.Reshape(Inferred(x.Shape, sizes));

        /// <inheritdoc cref="Reshape(Tensor, ReadOnlySpan{int})"/>
        public Tensor Reshape(Shape shape)
        {
            if (shape.Numel != x.Numel) throw new ArgumentException($"Reshape: shape {x.Shape} has {x.Numel} elements, {shape} has {shape.Numel}");
            var source = x.Contiguous();
            var y = TensorMemory.View(source.Node, shape, shape.ContiguousStrides(), source.Node.Offset);
            Recorder.Record<ReshapeRule>(y, source);
            return y;
        }

        /// <summary>The tensor with two dimensions exchanged; a view.</summary>
        public Tensor Transpose(int dim0, int dim1)
        {
            var n = x.Node;
            (dim0, dim1) = (n.Shape.Normalize(dim0), n.Shape.Normalize(dim1));
            var shape = n.Shape.With(dim0, n.Shape[dim1]).With(dim1, n.Shape[dim0]);
            var strides = n.Strides.With(dim0, n.Strides[dim1]).With(dim1, n.Strides[dim0]);
            var y = TensorMemory.View(n, shape, strides, n.Offset);
            if (Recorder.Record<TransposeRule>(y, x) is { } rule) (rule.Dim0, rule.Dim1) = (dim0, dim1);
            return y;
        }

        /// <summary>All dimensions from <paramref name="startDim"/> to <paramref name="endDim"/> in one.</summary>
        public Tensor Flatten(int startDim = 0, int endDim = -1)
        {
            if (x.Rank == 0) return x.Reshape(1);
            (startDim, endDim) = (x.Shape.Normalize(startDim), x.Shape.Normalize(endDim));
            if (endDim < startDim) throw new ArgumentException($"Flatten: startDim {startDim} is behind endDim {endDim}");
            Span<int> sizes = stackalloc int[Shape.MaxRank];
            int rank = 0, merged = 1;
            for (int d = 0; d < x.Rank; d++)
            {
                if (d < startDim || d > endDim)
                {
                    sizes[rank++] = x.Shape[d];
                    continue;
                }
                merged *= x.Shape[d];
                if (d == endDim) sizes[rank++] = merged;
            }
            return x.Reshape(new Shape(sizes[..rank]));
        }
    }

    private static Tensor CopyOf(Tensor x)
    {
        var n = x.Node;
        var y = TensorMemory.Empty(n.Shape, n.Storage.Type);
        TensorMemory.Copy(n, y.Node);
        Recorder.Record<CloneRule>(y, x);
        return y;
    }

    private static Shape Inferred(Shape from, ReadOnlySpan<int> sizes)
    {
        Span<int> result = stackalloc int[sizes.Length];
        int known = 1, open = -1;
        for (int i = 0; i < sizes.Length; i++)
        {
            result[i] = sizes[i];
            if (sizes[i] != -1) known = checked(known * sizes[i]);
            else if (open < 0) open = i;
            else throw new ArgumentException("Reshape: only one size may be -1");
        }
        if (open >= 0)
        {
            if (known == 0 || from.Numel % known != 0) throw new ArgumentException($"Reshape: shape {from} has {from.Numel} elements, which sizes [{string.Join(", ", sizes.ToArray())}] do not divide");
            result[open] = from.Numel / known;
        }
        return new Shape(result);
    }

    private sealed class CloneRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, gradient);

        protected override void Forget() { }
    }

    private sealed class ReshapeRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, gradient.Reshape(InputShape(0)));

        protected override void Forget() { }
    }

    private sealed class TransposeRule : Rule
    {
        public int Dim0;
        public int Dim1;

        protected override void Backward(Tensor gradient) => Give(0, gradient.Transpose(Dim0, Dim1));

        protected override void Forget() { }
    }
}
