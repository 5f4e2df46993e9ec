using System.Runtime.CompilerServices;

namespace DistTrain.Simd;

/// <summary>What follows the chains of a product: bias, then activation. Element-wise and exactly rounded, so the same bits at every level.</summary>
internal static unsafe class Epilogue
{
    /// <summary>Adds the bias (one value per column; null for none) to each row, then applies the activation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TOps, TVector>(float* data, nint stride, nint rows, nint columns, float* bias, Activation activation)
        where TOps : struct, IVectorOps<TVector>
        where TVector : struct
    {
        var relu = activation == Activation.Relu;
        for (nint row = 0; row < rows; row++, data += stride)
        {
            nint column = 0;
            for (; column <= columns - TOps.Lanes; column += TOps.Lanes)
            {
                var value = TOps.Load(data + column);
                if (bias != null) value = TOps.Add(value, TOps.Load(bias + column));
                TOps.Store(relu ? TOps.Relu(value) : value, data + column);
            }

            for (; column < columns; column++)
            {
                var value = bias == null ? data[column] : data[column] + bias[column];
                data[column] = relu && value < 0 ? 0 : value;
            }
        }
    }
}
