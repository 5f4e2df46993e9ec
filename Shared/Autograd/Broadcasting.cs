using DistTrain.Simd;
using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>
/// PyTorch's broadcasting: shapes are aligned at their last dimension, and a size of 1 (or a missing dimension) repeats.
/// See https://pytorch.org/docs/stable/notes/broadcasting.html.
/// </summary>
internal static class Broadcasting
{
    /// <summary>The common shape of two operands.</summary>
    /// <exception cref="ArgumentException">They do not broadcast.</exception>
    public static Shape Common(Shape a, Shape b, string operation)
    {
        if (a == b) return a;
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        for (int i = 1; i <= rank; i++)
        {
            int x = i <= a.Rank ? a[^i] : 1, y = i <= b.Rank ? b[^i] : 1;
            if (x != y && x != 1 && y != 1) throw new ArgumentException($"{operation}: shapes {a} and {b} do not broadcast: sizes {x} and {y} in dimension {-i} differ and neither is 1");
            sizes[rank - i] = x == 1 ? y : x;
        }
        return new Shape(sizes[..rank]);
    }

    /// <summary>Strides with which a tensor is read as if it had the shape it broadcasts to: 0 where it repeats.</summary>
    public static Shape StridesFor(TensorNode n, Shape shape)
    {
        Span<int> strides = stackalloc int[Shape.MaxRank];
        strides.Clear();
        int shift = shape.Rank - n.Shape.Rank;
        for (int i = 0; i < n.Shape.Rank; i++) strides[shift + i] = n.Shape[i] == 1 ? 0 : n.Strides[i];
        return new Shape(strides[..shape.Rank]);
    }

    /// <summary>Applies an element-wise function of two tensors into a new one of their common shape.</summary>
    public static Tensor Apply<TOperator>(Tensor a, Tensor b) where TOperator : IBinaryOperator
    {
        var (x, y) = (a.Node, b.Node);
        if (x.Storage.Type != DType.Float32) Types.RequireFloat(a, RuleName.Of(typeof(TOperator)));
        if (y.Storage.Type != DType.Float32) Types.RequireFloat(b, RuleName.Of(typeof(TOperator)));
        if (x.Shape == y.Shape && x.Contiguous && y.Contiguous)
        {
            var same = TensorMemory.Empty(x.Shape);
            TOperator.Apply(a.Span, b.Span, same.Span);
            return same;
        }
        var shape = Common(x.Shape, y.Shape, RuleName.Of(typeof(TOperator)));
        var result = TensorMemory.Empty(shape);
        var destination = result.Span;
        if (destination.Length == 0) return result;
        if (y.Shape.Numel == 1 && x.Contiguous && x.Shape == shape) TOperator.Apply(a.Span, y.Storage.Floats[y.Offset], destination);
        else if (x.Shape.Numel == 1 && y.Contiguous && y.Shape == shape) TOperator.Apply(x.Storage.Floats[x.Offset], b.Span, destination);
        else Rows<TOperator>(x, y, shape, destination);
        return result;
    }

    /// <summary>The tensor's elements as contiguous memory of a shape that it broadcasts to: itself where nothing repeats. Not recorded.</summary>
    public static Tensor Expanded(Tensor value, Shape shape)
    {
        var n = value.Node;
        if (n.Shape == shape && n.Contiguous) return value;
        var result = TensorMemory.Empty(shape, n.Storage.Type);
        var strides = StridesFor(n, shape);
        switch (n.Storage.Type)
        {
            case DType.Float32: Strided.Copy(n.Storage.Floats, n.Offset, shape, strides, result.Span); break;
            case DType.Int64: Strided.Copy(n.Storage.Longs, n.Offset, shape, strides, result.LongSpan); break;
            default: Strided.Copy(n.Storage.Bools, n.Offset, shape, strides, result.BoolSpan); break;
        }
        return result;
    }

    /// <summary>Sums a tensor down to the shape that broadcast to its own: the gradient of broadcasting. Neighbouring dimensions are summed in one go.</summary>
    public static Tensor SumTo(Tensor value, Shape shape)
    {
        if (value.Shape == shape) return value;
        var source = value.Contiguous();
        var from = source.Shape;
        int lead = from.Rank - shape.Rank;
        for (int d = from.Rank - 1; d >= 0; d--)
        {
            if (!IsSummed(d)) continue;
            int end = d, n = 1, outer = 1, inner = 1;
            for (; d >= 0 && IsSummed(d); d--) n *= from[d];
            for (int i = 0; i <= d; i++) outer *= from[i];
            for (int i = end + 1; i < from.Rank; i++) inner *= shape[i - lead];
            var sum = TensorMemory.Empty(new Shape(outer * inner));
            Reduce.SumAxis(outer, n, inner, source.Span, sum.Span);
            source = sum;
        }
        return source.Reshape(shape);

        bool IsSummed(int d) => d < lead || (shape[d - lead] == 1 && from[d] != 1);
    }

    /// <summary>One row of the last dimension at a time, whatever the strides.</summary>
    private static void Rows<TOperator>(TensorNode x, TensorNode y, Shape shape, Span<float> destination) where TOperator : IBinaryOperator
    {
        var (xs, ys) = (StridesFor(x, shape), StridesFor(y, shape));
        float[] xa = x.Storage.Floats, ya = y.Storage.Floats;
        int inner = shape.Rank == 0 ? 1 : shape[^1], xStep = shape.Rank == 0 ? 0 : xs[^1], yStep = shape.Rank == 0 ? 0 : ys[^1];
        var xWalk = new Strided.Odometer(shape, xs, x.Offset);
        var yWalk = new Strided.Odometer(shape, ys, y.Offset);
        int position = 0;
        do
        {
            var row = destination.Slice(position, inner);
            if (xStep == 1 && yStep == 1) TOperator.Apply(xa.AsSpan(xWalk.Offset, inner), ya.AsSpan(yWalk.Offset, inner), row);
            else if (xStep == 1 && yStep == 0) TOperator.Apply(xa.AsSpan(xWalk.Offset, inner), ya[yWalk.Offset], row);
            else if (xStep == 0 && yStep == 1) TOperator.Apply(xa[xWalk.Offset], ya.AsSpan(yWalk.Offset, inner), row);
            else
                for (int i = 0; i < inner; i++)
                    TOperator.Apply(xa.AsSpan(xWalk.Offset + i * xStep, 1), ya[yWalk.Offset + i * yStep], row.Slice(i, 1));
            position += inner;
            yWalk.Next();
        }
        while (xWalk.Next());
    }
}
