using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The same elements under another shape; −1 stands for the size that is left over. A view where the strides allow it, else a copy.</summary>
        /// <exception cref="ArgumentException">The shapes have different numbers of elements.</exception>
        public Tensor Reshape(params ReadOnlySpan<int> sizes) => x.Reshape(Inferred(x.Shape, sizes));

        /// <inheritdoc cref="Reshape(Tensor, ReadOnlySpan{int})"/>
        public Tensor Reshape(Shape shape)
        {
            if (shape.Numel != x.Numel) throw new ArgumentException($"Reshape: shape {x.Shape} has {x.Numel} elements, {shape} has {shape.Numel}");
            return Reshaped(x, shape);
        }

        /// <summary>As <c>Reshape</c>: PyTorch's <c>view</c>, but never refused for its strides.</summary>
        public Tensor View(params ReadOnlySpan<int> sizes) => x.Reshape(Inferred(x.Shape, sizes));

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
            return Reshaped(x, new Shape(sizes[..rank]));
        }

        /// <summary>One dimension in several, whose sizes multiply to its own; −1 stands for the one that is left over.</summary>
        public Tensor Unflatten(int dim, params ReadOnlySpan<int> sizes)
        {
            dim = x.Shape.Normalize(dim);
            var parts = Inferred(new Shape(x.Shape[dim]), sizes);
            if (parts.Numel != x.Shape[dim]) throw new ArgumentException($"Unflatten: sizes {parts} do not multiply to {x.Shape[dim]}, dimension {dim} of shape {x.Shape}");
            Span<int> all = stackalloc int[x.Rank - 1 + parts.Rank];
            x.Shape.Span[..dim].CopyTo(all);
            parts.Span.CopyTo(all[dim..]);
            x.Shape.Span[(dim + 1)..].CopyTo(all[(dim + parts.Rank)..]);
            return Reshaped(x, new Shape(all));
        }

        /// <summary>The tensor with a dimension of size 1 put in before <paramref name="dim"/>, which may be one past the last, or negative.</summary>
        public Tensor Unsqueeze(int dim)
        {
            int at = dim < 0 ? dim + x.Rank + 1 : dim;
            if ((uint)at > (uint)x.Rank) throw new ArgumentOutOfRangeException(nameof(dim), $"Unsqueeze: dimension {dim} for shape {x.Shape}, expected {-x.Rank - 1} to {x.Rank}");
            return Reshaped(x, x.Shape.Insert(at, 1));
        }

        /// <summary>The tensor without its dimensions of size 1.</summary>
        public Tensor Squeeze()
        {
            Span<int> sizes = stackalloc int[Shape.MaxRank];
            int rank = 0;
            foreach (int size in x.Shape.Span)
                if (size != 1) sizes[rank++] = size;
            return rank == x.Rank ? x : Reshaped(x, new Shape(sizes[..rank]));
        }

        /// <summary>The tensor without one dimension if that has size 1; else the tensor itself.</summary>
        public Tensor Squeeze(int dim) => x.Shape[dim] == 1 ? Reshaped(x, x.Shape.Without(dim)) : x;
    }

    private static Tensor Reshaped(Tensor x, Shape shape)
    {
        var n = x.Node;
        if (!TryStrides(n.Shape, n.Strides, shape, out var strides))
        {
            x = CopyOf(x);
            n = x.Node;
            strides = shape.ContiguousStrides();
        }
        var y = TensorMemory.View(n, shape, strides, n.Offset);
        Recorder.Record<ReshapeRule>(y, x);
        return y;
    }

    /// <summary>Strides under which the same memory shows another shape: possible where every new dimension lies within a run of old ones that are dense among themselves.</summary>
    private static bool TryStrides(Shape from, Shape fromStrides, Shape to, out Shape strides)
    {
        strides = to.ContiguousStrides();
        if (from.Numel == 0 || TensorMemory.IsContiguous(from, fromStrides)) return true;
        Span<int> result = stackalloc int[Shape.MaxRank];
        int next = to.Rank - 1, run = 1, covered = 1;
        int step = from.Rank == 0 ? 1 : fromStrides[^1];
        for (int d = from.Rank - 1; d >= 0; d--)
        {
            run *= from[d];
            bool ends = d == 0 || (from[d - 1] != 1 && fromStrides[d - 1] != run * step);
            if (!ends) continue;
            while (next >= 0 && (covered < run || to[next] == 1))
            {
                result[next] = covered * step;
                covered *= to[next--];
            }
            if (covered != run) return false;
            if (d == 0) break;
            (run, covered, step) = (1, 1, fromStrides[d - 1]);
        }
        if (next >= 0) return false;
        strides = new Shape(result[..to.Rank]);
        return true;
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

    private sealed class ReshapeRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, Reshaped(gradient, InputShape(0)));

        protected override void Forget() { }
    }
}
