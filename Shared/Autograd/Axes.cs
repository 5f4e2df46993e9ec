using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// A tensor laid out for a reduction: contiguous <c>[outer, n, inner]</c>, n being the reduced elements. Dimensions that do not stand side by side are brought to the end first (recorded, so that gradients
/// find their way back).
/// </summary>
internal readonly ref struct Axes
{
    private Axes(Tensor source, Shape output, int outer, int n, int inner) => (Source, Output, Outer, N, Inner) = (source, output, outer, n, inner);

    /// <summary>The contiguous tensor to reduce.</summary>
    public Tensor Source { get; }

    /// <summary>The result's shape.</summary>
    public Shape Output { get; }

    public int Outer { get; }

    public int N { get; }

    public int Inner { get; }

    /// <summary>For a reduction over some dimensions, or over all where none is named.</summary>
    /// <param name="x">What to reduce.</param>
    /// <param name="dims">Over which dimensions, each at most once; negative ones count from the end.</param>
    /// <param name="keepDim">Whether they stay, with size 1.</param>
    /// <param name="operation">For error texts.</param>
    /// <param name="last">Brings the reduced dimensions to the end even where they stand side by side elsewhere: inner is 1.</param>
    public static Axes Of(Tensor x, ReadOnlySpan<int> dims, bool keepDim, string operation, bool last = false)
    {
        if (x.Type != DType.Float32) Types.RequireFloat(x, operation);
        var shape = x.Shape;
        if (shape.Rank == 0 && dims.Length == 1 && dims[0] is 0 or -1) dims = [];
        Span<int> order = stackalloc int[Shape.MaxRank];
        var reduced = Distinct(shape, dims, order, operation);
        if (reduced.Length == 0 || reduced.Length == shape.Rank) return new Axes(x.Contiguous(), Reduced(shape, (1 << shape.Rank) - 1, keepDim), 1, shape.Numel, 1);

        int mask = 0;
        foreach (int dim in reduced) mask |= 1 << dim;
        var output = Reduced(shape, mask, keepDim);
        int first = System.Numerics.BitOperations.TrailingZeroCount(mask), end = 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)mask);
        bool adjacent = end - first == reduced.Length;
        int n = 1, outer = 1, inner = 1;
        for (int d = 0; d < shape.Rank; d++)
        {
            if ((mask >> d & 1) != 0) n *= shape[d];
            else if (adjacent && d >= end) inner *= shape[d];
            else outer *= shape[d];
        }
        if (adjacent && !(last && inner != 1)) return new Axes(x.Contiguous(), output, outer, n, inner);

        int count = 0;
        for (int d = 0; d < shape.Rank; d++)
            if ((mask >> d & 1) == 0) order[count++] = d;
        for (int d = 0; d < shape.Rank; d++)
            if ((mask >> d & 1) != 0) order[count++] = d;
        return new Axes(x.Permute(order[..count]).Contiguous(), output, outer * inner, n, 1);
    }

    /// <summary>For an operation along one dimension that keeps the shape, such as softmax.</summary>
    public static Axes Along(Tensor x, int dim, string operation)
    {
        if (x.Type != DType.Float32) Types.RequireFloat(x, operation);
        var source = x.Contiguous();
        if (x.Rank == 0 && dim is 0 or -1) return new Axes(source, source.Shape, 1, 1, 1);
        var (outer, n, inner) = Split(source.Shape, dim);
        return new Axes(source, source.Shape, outer, n, inner);
    }

    /// <summary>The elements before, of and after a dimension.</summary>
    public static (int Outer, int N, int Inner) Split(Shape shape, int dim)
    {
        dim = shape.Normalize(dim);
        int outer = 1, inner = 1;
        for (int d = 0; d < shape.Rank; d++)
        {
            if (d < dim) outer *= shape[d];
            else if (d > dim) inner *= shape[d];
        }
        return (outer, shape[dim], inner);
    }

    /// <summary>Dimensions made non-negative; each may be named once.</summary>
    public static Span<int> Distinct(Shape shape, ReadOnlySpan<int> dims, Span<int> destination, string operation)
    {
        int mask = 0;
        if (dims.Length > destination.Length) throw new ArgumentException($"{operation}: {dims.Length} dimensions were given for shape {shape}");
        for (int i = 0; i < dims.Length; i++)
        {
            int dim = shape.Normalize(dims[i]);
            if ((mask >> dim & 1) != 0) throw new ArgumentException($"{operation}: dimension {dim} of shape {shape} is named twice");
            mask |= 1 << dim;
            destination[i] = dim;
        }
        return destination[..dims.Length];
    }

    private static Shape Reduced(Shape shape, int mask, bool keepDim)
    {
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        int rank = 0;
        for (int d = 0; d < shape.Rank; d++)
        {
            if ((mask >> d & 1) == 0) sizes[rank++] = shape[d];
            else if (keepDim) sizes[rank++] = 1;
        }
        return new Shape(sizes[..rank]);
    }
}
