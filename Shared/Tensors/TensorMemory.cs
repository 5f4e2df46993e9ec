namespace DistTrain.Tensors;

/// <summary>Making tensors and reaching their memory: what the floors above build operations from.</summary>
internal static class TensorMemory
{
    /// <summary>A new contiguous tensor with undefined contents, of the running step's arena where there is one.</summary>
    public static Tensor Empty(Shape shape, DType type = DType.Float32)
    {
        var arena = StepArena.Current;
        int length = shape.Numel;
        var storage = arena != null ? arena.RentStorage(type, length) : Storage.Allocate(type, length);
        return Wrap(arena, storage, shape);
    }

    /// <summary>A new contiguous tensor that outlives steps, with undefined contents.</summary>
    public static Tensor EmptyPersistent(Shape shape, DType type = DType.Float32) => Wrap(null, Storage.Allocate(type, shape.Numel), shape);

    public static Tensor Wrap(StepArena? arena, Storage storage, Shape shape, int offset = 0)
    {
        var node = arena != null ? arena.RentNode() : new TensorNode();
        node.Shape = shape;
        node.Strides = shape.ContiguousStrides();
        node.Storage = storage;
        node.Offset = storage.Start + offset;
        node.Contiguous = true;
        return new Tensor(node);
    }

    /// <summary>A tensor on the same memory, with another shape, strides and start; it has no history.</summary>
    public static Tensor View(TensorNode source, Shape shape, Shape strides, int offset)
    {
        // A view made in a step of a tensor that outlives it belongs to the step; a view of a step's tensor always does.
        var arena = StepArena.Current ?? source.Arena;
        var node = arena != null ? arena.RentNode() : new TensorNode();
        node.Shape = shape;
        node.Strides = strides;
        node.Storage = source.Storage;
        // Where there are no elements the place may lie behind the memory's end.
        node.Offset = shape.Numel == 0 ? source.Storage.Start : offset;
        node.Contiguous = IsContiguous(shape, strides);
        node.IsView = true;
        return new Tensor(node);
    }

    /// <summary>A tensor of an arena on memory that it has lent out already.</summary>
    public static Tensor Show(StepArena arena, Storage storage, Shape shape, Shape strides, int offset, bool isView)
    {
        var node = arena.RentNode();
        node.Shape = shape;
        node.Strides = strides;
        node.Storage = storage;
        node.Offset = offset;
        node.Contiguous = IsContiguous(shape, strides);
        node.IsView = isView;
        return new Tensor(node);
    }

    public static bool IsContiguous(Shape shape, Shape strides)
    {
        int expected = 1;
        for (int i = shape.Rank - 1; i >= 0; i--)
        {
            int size = shape[i];
            if (size == 0) return true;
            if (size != 1 && strides[i] != expected) return false;
            expected *= size;
        }
        return true;
    }

    public static Span<float> Floats(TensorNode n)
    {
        Require(n, DType.Float32);
        return n.Storage.Floats.AsSpan(n.Offset, n.Shape.Numel);
    }

    public static Span<long> Longs(TensorNode n)
    {
        Require(n, DType.Int64);
        return n.Storage.Longs.AsSpan(n.Offset, n.Shape.Numel);
    }

    public static Span<bool> Bools(TensorNode n)
    {
        Require(n, DType.Bool);
        return n.Storage.Bools.AsSpan(n.Offset, n.Shape.Numel);
    }

    public static T[] ToArray<T>(TensorNode n) where T : unmanaged
    {
        var result = new T[n.Shape.Numel];
        CopyTo<T>(n, result);
        return result;
    }

    public static void CopyTo<T>(TensorNode n, Span<T> destination) where T : unmanaged
    {
        int numel = n.Shape.Numel;
        if (destination.Length < numel) throw new ArgumentException($"CopyTo: the tensor of shape {n.Shape} has {numel} elements, the destination {destination.Length}");
        var source = Array<T>(n);
        if (n.Contiguous) source.AsSpan(n.Offset, numel).CopyTo(destination);
        else Strided.Copy(source, n.Offset, n.Shape, n.Strides, destination);
    }

    /// <summary>Copies all elements into a contiguous tensor of the same shape and type.</summary>
    public static void Copy(TensorNode source, TensorNode destination)
    {
        switch (source.Storage.Type)
        {
            case DType.Float32: CopyTo(source, Floats(destination)); break;
            case DType.Int64: CopyTo(source, Longs(destination)); break;
            default: CopyTo(source, Bools(destination)); break;
        }
    }

    public static T[] Array<T>(TensorNode n) where T : unmanaged
    {
        object array = n.Storage.Type switch { DType.Float32 => n.Storage.Floats, DType.Int64 => n.Storage.Longs, _ => n.Storage.Bools };
        return array as T[] ?? throw new InvalidOperationException($"the tensor holds {n.Storage.Type}, asked for {typeof(T).Name}");
    }

    /// <summary>Forgets a gradient; its memory is kept for the next one unless user code holds on to it.</summary>
    public static void ClearGrad(TensorNode n)
    {
        n.HasGrad = false;
        if (n.GradHandedOut && !n.GradAssigned) n.Grad = null;
        n.GradHandedOut = false;
    }

    private static void Require(TensorNode n, DType type)
    {
        if (n.Storage.Type != type) throw new InvalidOperationException($"the tensor of shape {n.Shape} holds {n.Storage.Type}, expected {type}");
        if (!n.Contiguous) throw new InvalidOperationException($"the tensor of shape {n.Shape} is not contiguous in memory: call Contiguous() first");
    }
}
