using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Reading and adding at places that indices name along one dimension: the loops of gather and scatter_add.</summary>
internal static class Scattering
{
    /// <summary>Checks the shapes and every index.</summary>
    public static void Check(Shape shape, ref int dim, Tensor indices, Shape values, string operation)
    {
        dim = shape.Rank == 0 && dim is 0 or -1 ? 0 : shape.Normalize(dim);
        bool fits = shape.Rank == indices.Rank && values.Rank == indices.Rank;
        for (int d = 0; fits && d < shape.Rank; d++) fits = indices.Shape[d] <= values[d] && (d == dim || indices.Shape[d] <= shape[d]);
        if (!fits) throw new ArgumentException($"{operation}: tensor {shape}, indices {indices.Shape}, values {values}: expected equal ranks, and indices no larger than the others but in dimension {dim}");
        Labels.CheckIndices(indices.Contiguous().LongSpan, shape.Rank == 0 ? 1 : shape[dim], operation);
    }

    /// <summary>y[…] = x[… index at dim …].</summary>
    public static void Gather<T>(Shape shape, int dim, ReadOnlySpan<T> x, Shape indexShape, ReadOnlySpan<long> indices, Span<T> y)
    {
        var walk = new Places(shape, dim, indexShape, indexShape);
        for (int i = 0; i < y.Length; i++, walk.Next()) y[i] = x[walk.At(indices[i])];
    }

    /// <summary>y[… index at dim …] += values[…], in row-major order of the indices.</summary>
    public static void Add(Shape shape, int dim, Span<float> y, Shape indexShape, ReadOnlySpan<long> indices, Shape valueShape, ReadOnlySpan<float> values)
    {
        var walk = new Places(shape, dim, indexShape, valueShape);
        for (int i = 0; i < indices.Length; i++, walk.Next()) y[walk.At(indices[i])] += values[walk.Value];
    }

    /// <summary>Counts through the indices and keeps the place in the tensor, dimension <c>dim</c> left out, and the place among the values.</summary>
    private ref struct Places(Shape shape, int dim, Shape indices, Shape values)
    {
        private readonly Shape strides = shape.ContiguousStrides();
        private readonly Shape valueStrides = values.ContiguousStrides();
        private Counter counter;
        private int offset;

        public int Value { get; private set; }

        public readonly int At(long index) => offset + (int)index * (strides.Rank == 0 ? 1 : strides[dim]);

        public void Next()
        {
            for (int d = indices.Rank - 1; d >= 0; d--)
            {
                int step = d == dim ? 0 : strides[d];
                if (++counter[d] < indices[d])
                {
                    offset += step;
                    Value += valueStrides[d];
                    return;
                }
                offset -= (indices[d] - 1) * step;
                Value -= (indices[d] - 1) * valueStrides[d];
                counter[d] = 0;
            }
        }
    }

    [System.Runtime.CompilerServices.InlineArray(Shape.MaxRank)]
    private struct Counter
    {
        private int first;
    }
}
