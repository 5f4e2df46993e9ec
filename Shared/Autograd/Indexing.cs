using System.Runtime.CompilerServices;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>Every <paramref name="step"/>-th index from <paramref name="start"/> up to, without, <paramref name="end"/> of one dimension, as Python's <c>start:end:step</c>; a view.</summary>
        /// <exception cref="ArgumentException">The range is not inside the dimension, or the step is less than 1.</exception>
        public Tensor Slice(int dim, int start, int end, int step = 1)
        {
            dim = x.Shape.Normalize(dim);
            int size = x.Shape[dim], first = start < 0 ? start + size : start, last = end < 0 ? end + size : end;
            if (step < 1 || first < 0 || last > size || first > last) throw new ArgumentException($"Slice: {start} to {end} by {step} in dimension {dim} of shape {x.Shape}, expected a range in 0 to {size} and a step of at least 1");
            int count = (last - first + step - 1) / step;
            return View(x, "Slice", Layout.Of(x).Narrow(dim, first, count, step), Layout.Dense(x.Shape).Narrow(dim, first, count, step));
        }
    }

    internal sealed class Indexer : TensorIndexing
    {
#pragma warning disable CA2255 // The indexer's floor may not name this one, so nothing else would run before its first use.
        [ModuleInitializer]
        internal static void Install() => Current = new Indexer();
#pragma warning restore CA2255

        public override Tensor Get(Tensor tensor, ReadOnlySpan<TensorIndex> indices)
        {
            Layout layout = Layout.Of(tensor), dense = Layout.Dense(tensor.Shape);
            if (indices.Length > tensor.Rank) throw new ArgumentException($"{indices.Length} indices for a tensor of shape {tensor.Shape}, expected at most {tensor.Rank}");
            int dim = 0;
            foreach (var index in indices)
            {
                int size = layout.Shape[dim], start = index.Range.Start.GetOffset(size);
                if (index.IsRange)
                {
                    int end = index.Range.End.GetOffset(size);
                    if (start < 0 || end > size || start > end) throw Outside(tensor, index, dim, size);
                    (layout, dense) = (layout.Narrow(dim, start, end - start, 1), dense.Narrow(dim, start, end - start, 1));
                    dim++;
                }
                else
                {
                    if ((uint)start >= (uint)size) throw Outside(tensor, index, dim, size);
                    (layout, dense) = (layout.Select(dim, start), dense.Select(dim, start));
                }
            }
            return View(tensor, "Index", layout, dense);
        }

        public override void Set(Tensor tensor, ReadOnlySpan<TensorIndex> indices, Tensor value)
        {
            if (GradMode.IsEnabled && (tensor.RequiresGrad || value.RequiresGrad))
                throw new InvalidOperationException($"assigning to a part of a tensor of shape {tensor.Shape} is not recorded for gradients: work in a NoGrad scope, or build the tensor with Cat, Where or ScatterAdd");
            Get(tensor, indices).CopyFrom(value);
        }

        private static ArgumentException Outside(Tensor tensor, TensorIndex index, int dim, int size) =>
            new($"index {index} (dimension {dim} of what is left) is outside of its {size} elements; the tensor has shape {tensor.Shape}");
    }
}
