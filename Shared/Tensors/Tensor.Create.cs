namespace DistTrain.Tensors;

public readonly partial struct Tensor
{
    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape) => Full(shape, 0f);

    /// <summary>A tensor of ones.</summary>
    public static Tensor Ones(Shape shape) => Full(shape, 1f);

    /// <summary>A tensor with every element equal to <paramref name="value"/>.</summary>
    public static Tensor Full(Shape shape, float value)
    {
        var result = TensorMemory.Empty(shape);
        result.Span.Fill(value);
        return result;
    }

    /// <summary>A tensor of one element and no dimensions.</summary>
    public static Tensor Scalar(float value) => Full(Shape.Scalar, value);

    /// <summary>A tensor of one dimension with a copy of the given elements.</summary>
    public static Tensor From(params ReadOnlySpan<float> data) => From(data, new Shape(data.Length));

    /// <summary>A tensor of the given shape with a copy of the given elements, in row-major order.</summary>
    /// <exception cref="ArgumentException">The shape has another number of elements.</exception>
    public static Tensor From(ReadOnlySpan<float> data, Shape shape)
    {
        Fits(data.Length, shape);
        var result = TensorMemory.Empty(shape);
        data.CopyTo(result.Span);
        return result;
    }

    /// <summary>An Int64 tensor of one dimension with a copy of the given elements.</summary>
    public static Tensor From(params ReadOnlySpan<long> data) => From(data, new Shape(data.Length));

    /// <summary>An Int64 tensor of the given shape with a copy of the given elements.</summary>
    /// <exception cref="ArgumentException">The shape has another number of elements.</exception>
    public static Tensor From(ReadOnlySpan<long> data, Shape shape)
    {
        Fits(data.Length, shape);
        var result = TensorMemory.Empty(shape, DType.Int64);
        data.CopyTo(result.LongSpan);
        return result;
    }

    /// <summary>A Bool tensor of the given shape with a copy of the given elements.</summary>
    /// <exception cref="ArgumentException">The shape has another number of elements.</exception>
    public static Tensor From(ReadOnlySpan<bool> data, Shape shape)
    {
        Fits(data.Length, shape);
        var result = TensorMemory.Empty(shape, DType.Bool);
        data.CopyTo(result.BoolSpan);
        return result;
    }

    /// <summary>0, 1, …, count − 1 as an Int64 tensor.</summary>
    public static Tensor Arange(int count)
    {
        var result = TensorMemory.Empty(new Shape(count), DType.Int64);
        var span = result.LongSpan;
        for (int i = 0; i < span.Length; i++) span[i] = i;
        return result;
    }

    /// <summary>start, start + step, … up to, without, <paramref name="end"/>, as an Int64 tensor.</summary>
    /// <exception cref="ArgumentException">The step is 0.</exception>
    public static Tensor Arange(int start, int end, int step = 1)
    {
        if (step == 0) throw new ArgumentException("Arange: the step was 0");
        int count = Math.Max(0, (int)(((long)end - start + step - Math.Sign(step)) / step));
        var result = TensorMemory.Empty(new Shape(count), DType.Int64);
        var span = result.LongSpan;
        for (int i = 0; i < span.Length; i++) span[i] = start + (long)i * step;
        return result;
    }

    /// <summary><paramref name="count"/> evenly spaced numbers from <paramref name="start"/> to <paramref name="end"/>, both included.</summary>
    public static Tensor Linspace(float start, float end, int count)
    {
        var result = TensorMemory.Empty(new Shape(count));
        var span = result.Span;
        for (int i = 0; i < span.Length; i++) span[i] = count == 1 ? start : (float)(start + (double)i / (count - 1) * ((double)end - start));
        return result;
    }

    /// <summary>The identity matrix.</summary>
    public static Tensor Eye(int size)
    {
        var result = Zeros(new Shape(size, size));
        for (int i = 0; i < size; i++) result.Span[i * size + i] = 1f;
        return result;
    }

    /// <summary>Zeros of the shape of another tensor.</summary>
    public static Tensor ZerosLike(Tensor other) => Zeros(other.Shape);

    /// <summary>Ones of the shape of another tensor.</summary>
    public static Tensor OnesLike(Tensor other) => Ones(other.Shape);

    private static void Fits(int length, Shape shape)
    {
        if (shape.Numel != length) throw new ArgumentException($"shape {shape} has {shape.Numel} elements, the data {length}");
    }
}
