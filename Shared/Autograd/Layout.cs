using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Where the elements of a view stand: sizes, strides and the first element's place. No view here reads an element twice.</summary>
internal readonly record struct Layout(Shape Shape, Shape Strides, int Offset)
{
    /// <summary>A tensor's own layout in its storage.</summary>
    public static Layout Of(Tensor tensor) => new(tensor.Node.Shape, tensor.Node.Strides, tensor.Node.Offset);

    /// <summary>Contiguous memory of a shape.</summary>
    public static Layout Dense(Shape shape) => new(shape, shape.ContiguousStrides(), 0);

    public Layout Permute(ReadOnlySpan<int> order)
    {
        Span<int> sizes = stackalloc int[Shape.MaxRank], strides = stackalloc int[Shape.MaxRank];
        for (int d = 0; d < order.Length; d++) (sizes[d], strides[d]) = (Shape[order[d]], Strides[order[d]]);
        return new Layout(new Shape(sizes[..order.Length]), new Shape(strides[..order.Length]), Offset);
    }

    public Layout Narrow(int dim, int start, int length, int step) => new(Shape.With(dim, length), Strides.With(dim, Strides[dim] * step), length == 0 ? Offset : Offset + start * Strides[dim]);

    public Layout Select(int dim, int index) => new(Shape.Without(dim), Strides.Without(dim), Offset + index * Strides[dim]);
}
