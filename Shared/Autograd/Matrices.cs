using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>The matrices in the last two dimensions of a tensor, as GEMM takes them: rows or, transposed, columns without gaps inside, any distance between them.</summary>
internal readonly struct Matrices
{
    private readonly float[] array;
    private readonly Shape batchStrides;
    private readonly int offset;
    private readonly int length;

    private Matrices(Tensor t, Shape batch)
    {
        var n = t.Node;
        int rows = n.Shape[^2], columns = n.Shape[^1], rowStride = n.Strides[^2], columnStride = n.Strides[^1];
        Transposed = !IsDense(rows, columns, rowStride, columnStride);
        Stride = Transposed ? Distance(columns, rows, columnStride) : Distance(rows, columns, rowStride);
        array = n.Storage.Floats;
        offset = n.Offset;
        length = rows == 0 || columns == 0 ? 0 : Transposed ? (columns - 1) * Stride + rows : (rows - 1) * Stride + columns;
        batchStrides = BatchStrides(n.Shape, n.Strides, batch);
    }

    /// <summary>Whether they are stored as [columns, rows].</summary>
    public bool Transposed { get; }

    /// <summary>The distance between stored rows.</summary>
    public int Stride { get; }

    public static Matrices Of(Tensor t, Shape batch) => new(t, batch);

    /// <summary>Whether GEMM can read the tensor's matrices where they are.</summary>
    public static bool CanRead(TensorNode n) =>
        IsDense(n.Shape[^2], n.Shape[^1], n.Strides[^2], n.Strides[^1]) || IsDense(n.Shape[^1], n.Shape[^2], n.Strides[^1], n.Strides[^2]);

    /// <summary>A shape without its last two dimensions.</summary>
    public static Shape Batch(Shape shape) => new(shape.Span[..^2]);

    /// <summary>Steps through the matrices of a batch that these broadcast to.</summary>
    public Strided.Odometer Walk(Shape batch) => new(batch.Insert(batch.Rank, 1), batchStrides, offset);

    /// <summary>As <see cref="Walk"/>, for contiguous memory of a shape.</summary>
    public static Strided.Odometer WalkDense(Shape shape, Shape batch) => new(batch.Insert(batch.Rank, 1), BatchStrides(shape, shape.ContiguousStrides(), batch), 0);

    /// <summary>The matrix that the walk has come to.</summary>
    public ReadOnlySpan<float> At(in Strided.Odometer walk) => array.AsSpan(length == 0 ? 0 : walk.Offset, length);

    private static bool IsDense(int rows, int columns, int rowStride, int columnStride) => (columns <= 1 || columnStride == 1) && (rows <= 1 || rowStride >= Math.Max(1, columns));

    private static int Distance(int rows, int columns, int rowStride) => rows <= 1 ? Math.Max(1, columns) : rowStride;

    /// <summary>Strides over the batch's dimensions, 0 where a matrix is used again, and a last one for the walk's rows, of one element each.</summary>
    private static Shape BatchStrides(Shape shape, Shape strides, Shape batch)
    {
        Span<int> result = stackalloc int[Shape.MaxRank];
        result.Clear();
        int lead = batch.Rank - (shape.Rank - 2);
        for (int d = lead; d < batch.Rank; d++) result[d] = shape[d - lead] == 1 ? 0 : strides[d - lead];
        return new Shape(result[..(batch.Rank + 1)]);
    }
}
