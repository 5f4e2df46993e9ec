using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>The k largest (or smallest) elements along one dimension, best first, and their indices (Int64); of equals the one that stands first.</summary>
        /// <exception cref="ArgumentException">k is negative or more than the dimension has.</exception>
        public (Tensor Values, Tensor Indices) TopK(int k, int dim = -1, bool largest = true)
        {
            var axes = Axes.Along(x, dim, "TopK");
            if (k < 0 || k > axes.N) throw new ArgumentException($"TopK: k was {k} for dimension {dim} of shape {x.Shape}, expected 0 to {axes.N}");
            var indices = TensorMemory.Empty(x.Shape.With(dim, k), DType.Int64);
            TopElements.Indices(axes.Outer, axes.N, axes.Inner, k, largest, axes.Source.Span, indices.LongSpan);
            return (x.Gather(dim, indices), indices);
        }

        /// <summary>The elements along one dimension in order, and their indices (Int64); equals keep their order.</summary>
        public (Tensor Values, Tensor Indices) Sort(int dim = -1, bool descending = false) => x.TopK(x.Shape[dim], dim, largest: descending);
    }

    extension(Tensor indices)
    {
        /// <summary>For each index a row of zeros with a one in its place: Int64 <c>[*]</c> to Int64 <c>[*, classes]</c>.</summary>
        /// <param name="numClasses">The rows' length; −1 for one more than the largest index.</param>
        /// <exception cref="ArgumentException">An index is out of range.</exception>
        public Tensor OneHot(int numClasses = -1)
        {
            Types.RequireIndices(indices, "OneHot");
            var which = indices.Contiguous().LongSpan;
            if (numClasses < 0)
                foreach (long index in which) numClasses = Math.Max(numClasses, (int)index + 1);
            Labels.CheckIndices(which, Math.Max(0, numClasses), "OneHot");
            var y = TensorMemory.Empty(indices.Shape.Insert(indices.Rank, Math.Max(0, numClasses)), DType.Int64);
            var rows = y.LongSpan;
            rows.Clear();
            for (int i = 0; i < which.Length; i++) rows[i * numClasses + (int)which[i]] = 1;
            return y;
        }
    }
}
