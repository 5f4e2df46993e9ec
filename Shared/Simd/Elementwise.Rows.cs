using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

// A vector broadcast over the rows or channels of a matrix: bias and scale.
public static unsafe partial class Elementwise
{
    /// <summary>y[r, c] = x[r, c] + bias[c], matrices [rows, columns] row-major.</summary>
    public static void AddRow(int rows, int columns, ReadOnlySpan<float> x, ReadOnlySpan<float> bias, Span<float> y)
    {
        RequireMatrix(nameof(AddRow), rows, columns, x.Length, bias.Length, y.Length);
        for (var r = 0; r < rows; r++)
            Map.Binary(default(AddOperator), x.Slice(r * columns, columns), bias, y.Slice(r * columns, columns));
    }

    /// <summary>y[r, c] = max(x[r, c] + bias[c], 0) with NaN kept.</summary>
    public static void AddRowRelu(int rows, int columns, ReadOnlySpan<float> x, ReadOnlySpan<float> bias, Span<float> y)
    {
        RequireMatrix(nameof(AddRowRelu), rows, columns, x.Length, bias.Length, y.Length);
        for (var r = 0; r < rows; r++)
            Map.Binary(default(AddReluOperator), x.Slice(r * columns, columns), bias, y.Slice(r * columns, columns));
    }

    /// <summary>y[r, c] = x[r, c]·scale[c].</summary>
    public static void MultiplyRow(int rows, int columns, ReadOnlySpan<float> x, ReadOnlySpan<float> scale, Span<float> y)
    {
        RequireMatrix(nameof(MultiplyRow), rows, columns, x.Length, scale.Length, y.Length);
        for (var r = 0; r < rows; r++)
            Map.Binary(default(MultiplyOperator), x.Slice(r * columns, columns), scale, y.Slice(r * columns, columns));
    }

    /// <summary>y[o, c, i] = x[o, c, i] + bias[c], tensors [outer, channels, inner]: the bias of a convolution.</summary>
    public static void AddChannel(int outer, int channels, int inner, ReadOnlySpan<float> x, ReadOnlySpan<float> bias, Span<float> y)
    {
        RequireMatrix(nameof(AddChannel), outer * channels, inner, x.Length, inner, y.Length);
        Lanes.RequireLength(nameof(AddChannel), nameof(bias), bias.Length, channels);
        for (var row = 0; row < outer * channels; row++)
            Map.Unary(new AddScalarOperator(bias[row % channels]), x.Slice(row * inner, inner), y.Slice(row * inner, inner));
    }

    private static void RequireMatrix(string kernel, int rows, int columns, int x, int vector, int y)
    {
        Lanes.RequireLength(kernel, "x", x, rows * columns);
        Lanes.RequireLength(kernel, "the broadcast vector", vector, columns);
        Lanes.RequireLength(kernel, "y", y, rows * columns);
    }

    private readonly struct AddOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => a + b;
    }

    private readonly struct AddScalarOperator(float value) : IUnaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> x) => x + Vector512.Create(value);
    }

    private readonly struct AddReluOperator : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Invoke(Vector512<float> a, Vector512<float> b)
        {
            var sum = a + b;
            return Vector512.ConditionalSelect(Vector512.LessThan(sum, Vector512<float>.Zero), Vector512<float>.Zero, sum);
        }
    }
}
