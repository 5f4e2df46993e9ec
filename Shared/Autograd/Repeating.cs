using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>Copies of the tensor side by side, so many in each dimension; more counts than dimensions add dimensions in front.</summary>
        /// <exception cref="ArgumentException">There are fewer counts than dimensions, a negative one, or more than the tensor may have dimensions.</exception>
        public Tensor Repeat(params ReadOnlySpan<int> counts)
        {
            if (counts.Length < x.Rank || counts.Length > Shape.MaxRank || counts.ContainsAnyExceptInRange(0, int.MaxValue))
                throw new ArgumentException($"Repeat: counts [{string.Join(", ", counts.ToArray())}] for shape {x.Shape}, expected {x.Rank} to {Shape.MaxRank} of 0 or more");
            // One dimension at a time: as rows that repeat, then read as one dimension.
            var y = x;
            for (int lead = counts.Length - x.Rank; lead > 0; lead--) y = y.Unsqueeze(0);
            for (int d = 0; d < counts.Length; d++)
            {
                if (counts[d] == 1) continue;
                var shape = y.Shape;
                y = Reshaped(y.Unsqueeze(d).Expand(shape.Insert(d, counts[d])), shape.With(d, shape[d] * counts[d]));
            }
            return y;
        }

        /// <summary>The tensor with the order of the given dimensions reversed.</summary>
        public Tensor Flip(params ReadOnlySpan<int> dims)
        {
            var y = x;
            foreach (int dim in dims)
            {
                int size = x.Shape[dim];
                var order = TensorMemory.Empty(new Shape(size), DType.Int64);
                for (int i = 0; i < size; i++) order.LongSpan[i] = size - 1 - i;
                y = y.IndexSelect(dim, order);
            }
            return y;
        }

        /// <summary>The tensor with the elements along one dimension moved on by <paramref name="shift"/> places; what leaves at the end comes in at the beginning.</summary>
        public Tensor Roll(int shift, int dim)
        {
            int size = x.Shape[dim];
            if (size == 0) return x;
            int start = ((-shift) % size + size) % size;
            return start == 0 ? x : Tensor.Cat([x.Narrow(dim, start, size - start), x.Narrow(dim, 0, start)], dim);
        }

        /// <summary>The products of all pairs of elements of two vectors: <c>[M]</c> and <c>[N]</c> to <c>[M, N]</c>.</summary>
        /// <exception cref="ArgumentException">They are not vectors.</exception>
        public Tensor Outer(Tensor b) => x.Rank == 1 && b.Rank == 1 ? x.Unsqueeze(1) * b : throw new ArgumentException($"Outer: shapes {x.Shape} and {b.Shape}, expected two vectors");
    }
}
