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

        /// <summary>The tensor with two dimensions exchanged; a view.</summary>
        public Tensor Transpose(int dim0, int dim1)
        {
            Span<int> order = stackalloc int[Shape.MaxRank];
            for (int d = 0; d < x.Rank; d++) order[d] = d;
            (dim0, dim1) = (x.Shape.Normalize(dim0), x.Shape.Normalize(dim1));
            (order[dim0], order[dim1]) = (dim1, dim0);
            return View(x, "Transpose", Layout.Of(x).Permute(order[..x.Rank]), Layout.Dense(x.Shape).Permute(order[..x.Rank]));
        }

        /// <summary>The transpose of a matrix; a view.</summary>
        /// <exception cref="ArgumentException">The tensor has not two dimensions.</exception>
        public Tensor T() => x.Rank == 2 ? x.Transpose(0, 1) : throw new ArgumentException($"T: the tensor has shape {x.Shape}, expected a matrix");

        /// <summary>The tensor with its dimensions in another order; a view.</summary>
        /// <param name="dims">Every dimension once; negative ones count from the end.</param>
        public Tensor Permute(params ReadOnlySpan<int> dims)
        {
            Span<int> order = stackalloc int[Shape.MaxRank];
            order = Axes.Distinct(x.Shape, dims, order, "Permute");
            if (order.Length != x.Rank) throw new ArgumentException($"Permute: {order.Length} dimensions were given for shape {x.Shape}, expected all {x.Rank}");
            return View(x, "Permute", Layout.Of(x).Permute(order), Layout.Dense(x.Shape).Permute(order));
        }

        /// <summary>The part [start, start + length) of one dimension; a view.</summary>
        /// <param name="dim">The dimension.</param>
        /// <param name="start">The first index; a negative one counts from the end.</param>
        /// <param name="length">How many.</param>
        /// <exception cref="ArgumentException">The part reaches beyond the dimension.</exception>
        public Tensor Narrow(int dim, int start, int length)
        {
            dim = x.Shape.Normalize(dim);
            int size = x.Shape[dim], first = start < 0 ? start + size : start;
            if (first < 0 || length < 0 || first > size - length) throw new ArgumentException($"Narrow: start {start} and length {length} in dimension {dim} of shape {x.Shape}, expected a part of its {size}");
            return View(x, "Narrow", Layout.Of(x).Narrow(dim, first, length, 1), Layout.Dense(x.Shape).Narrow(dim, first, length, 1));
        }

        /// <summary>One index of one dimension, which disappears; a view.</summary>
        /// <exception cref="ArgumentException">The index is out of range.</exception>
        public Tensor Select(int dim, int index)
        {
            dim = x.Shape.Normalize(dim);
            int size = x.Shape[dim], at = index < 0 ? index + size : index;
            if ((uint)at >= (uint)size) throw new ArgumentException($"Select: index {index} in dimension {dim} of shape {x.Shape}, expected {-size} to {size - 1}");
            return View(x, "Select", Layout.Of(x).Select(dim, at), Layout.Dense(x.Shape).Select(dim, at));
        }

        /// <summary>Repeats dimensions of size 1, and adds dimensions in front, without a copy; −1 keeps a size.</summary>
        /// <exception cref="ArgumentException">A size that is not 1 would change.</exception>
        public Tensor Expand(params ReadOnlySpan<int> sizes)
        {
            Span<int> result = stackalloc int[Shape.MaxRank];
            int lead = sizes.Length - x.Rank;
            if (lead < 0 || sizes.Length > Shape.MaxRank) throw new ArgumentException($"Expand: {sizes.Length} sizes were given for shape {x.Shape}, expected {x.Rank} to {Shape.MaxRank}");
            for (int d = 0; d < sizes.Length; d++)
            {
                int own = d < lead ? 1 : x.Shape[d - lead];
                result[d] = sizes[d] == -1 && d >= lead ? own : sizes[d];
                if (own != 1 && result[d] != own) throw new ArgumentException($"Expand: size {own} in dimension {d - lead} of shape {x.Shape} cannot become {sizes[d]}: only a size of 1 repeats");
            }
            return x.Expand(new Shape(result[..sizes.Length]));
        }

        /// <inheritdoc cref="Expand(Tensor, ReadOnlySpan{int})"/>
        public Tensor Expand(Shape shape)
        {
            if (Broadcasting.Common(x.Shape, shape, "Expand") != shape) throw new ArgumentException($"Expand: shape {x.Shape} does not broadcast to {shape}");
            var n = x.Node;
            var y = TensorMemory.View(n, shape, Broadcasting.StridesFor(n, shape), n.Offset);
            Recorder.Record<ExpandRule>(y, x);
            return y;
        }
    }

    /// <summary>A view with its record: <paramref name="layout"/> is the view in the tensor's memory, <paramref name="dense"/> the same view in contiguous memory of the tensor's shape.</summary>
    private static Tensor View(Tensor x, string operation, in Layout layout, in Layout dense)
    {
        var y = TensorMemory.View(x.Node, layout.Shape, layout.Strides, layout.Offset);
        if (Recorder.Record<ViewRule>(y, x) is { } rule) (rule.Operation, rule.Dense) = (operation, dense);
        return y;
    }

    private static Tensor CopyOf(Tensor x)
    {
        var n = x.Node;
        var y = TensorMemory.Empty(n.Shape, n.Storage.Type);
        TensorMemory.Copy(n, y.Node);
        Recorder.Record<CloneRule>(y, x);
        return y;
    }

    private sealed class CloneRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, gradient);

        protected override void Forget() { }
    }

    private sealed class ExpandRule : Rule
    {
        protected override void Backward(Tensor gradient) => Give(0, gradient);

        protected override void Forget() { }
    }

    private sealed class ViewRule : Rule
    {
        public string Operation = "View";
        public Layout Dense;

        public override string Name => Operation;

        internal override (string Name, object Value)[] Settings => [("layout", Dense)];

        protected override void Backward(Tensor gradient)
        {
            // The view's elements stand where the dense layout says; what it leaves out gets nothing.
            var node = TargetNode(0, out bool accumulate);
            bool everything = OutputShape.Numel == node.Shape.Numel;
            if (!accumulate && !everything) TensorMemory.Floats(node).Clear();
            Strided.Scatter(gradient.Span, node.Storage.Floats, node.Offset + Dense.Offset, Dense.Shape, Dense.Strides, accumulate || !everything);
        }

        protected override void Forget() { }
    }
}
