using System.Numerics.Tensors;

namespace DistTrain.Simd;

/// <summary>What follows the chain of a product: bias, then activation. Element-wise and exactly rounded, so the same bits at every level.</summary>
internal static class Epilogue
{
    /// <summary>row += bias (where there is one), then the activation.</summary>
    public static void AddBias(Span<float> row, ReadOnlySpan<float> bias, Activation activation)
    {
        if (bias.Length != 0) TensorPrimitives.Add(row, bias[..row.Length], row);
        Activate(row, activation);
    }

    /// <summary>row += bias, one value for the whole row.</summary>
    public static void AddBias(Span<float> row, float bias, Activation activation)
    {
        TensorPrimitives.Add(row, bias, row);
        Activate(row, activation);
    }

    private static void Activate(Span<float> row, Activation activation)
    {
        if (activation == Activation.Relu) TensorPrimitives.Max(row, 0f, row);
    }
}
