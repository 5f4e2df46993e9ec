using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Arithmetic of Int64 tensors (positions, labels, counts): exact, with broadcasting, and without gradients.</summary>
internal static class Integers
{
    private static readonly Func<long, long, long> Sum = static (a, b) => a + b;
    private static readonly Func<long, long, long> Difference = static (a, b) => a - b;
    private static readonly Func<long, long, long> Product = static (a, b) => a * b;

    public static bool Are(Tensor a, Tensor b) => a.Type == DType.Int64 && b.Type == DType.Int64;

    public static Tensor Add(Tensor a, Tensor b) => Apply(a, b, Sum, "Add");

    public static Tensor Sub(Tensor a, Tensor b) => Apply(a, b, Difference, "Sub");

    public static Tensor Mul(Tensor a, Tensor b) => Apply(a, b, Product, "Mul");

    /// <summary>A number as an Int64 scalar.</summary>
    /// <exception cref="ArgumentException">It has a fraction.</exception>
    public static Tensor Scalar(float value, string operation) => value == MathF.Truncate(value) && MathF.Abs(value) <= 1 << 24
        ? Tensor.From([(long)value], Shape.Scalar)
        : throw new ArgumentException($"{operation}: the number {value} for an Int64 tensor, expected a whole one: convert the tensor with Float() first");

    /// <summary>The number of trues of a Bool tensor, the sum of an Int64 one: an Int64 scalar.</summary>
    public static Tensor Total(Tensor x)
    {
        long total = 0;
        foreach (long value in x.To(DType.Int64).Contiguous().LongSpan) total += value;
        return Tensor.From([total], Shape.Scalar);
    }

    private static Tensor Apply(Tensor a, Tensor b, Func<long, long, long> rule, string operation)
    {
        var shape = Broadcasting.Common(a.Shape, b.Shape, operation);
        Span<long> x = Broadcasting.Expanded(a, shape).LongSpan, y = Broadcasting.Expanded(b, shape).LongSpan;
        var result = TensorMemory.Empty(shape, DType.Int64);
        var destination = result.LongSpan;
        for (int i = 0; i < destination.Length; i++) destination[i] = rule(x[i], y[i]);
        return result;
    }
}
