using System.Numerics.Tensors;

namespace DistTrain.Simd;

public static partial class Elementwise
{
    /// <summary>y = the largest whole number not above x.</summary>
    public static void Floor(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Floor(x, y);

    /// <summary>y = the smallest whole number not below x.</summary>
    public static void Ceiling(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Ceiling(x, y);

    /// <summary>y = the nearest whole number, of two equally near the even one.</summary>
    public static void Round(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Round(x, y);
}
