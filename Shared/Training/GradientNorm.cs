using DistTrain.Simd;

namespace DistTrain.Training;

/// <summary>
/// The L2 norm of a flat gradient as the design defines it: sums of squares over fixed blocks of 4,096 floats, in double, combined by the tree over block numbers. A split of the
/// buffer at block borders gives the same bits.
/// </summary>
public static class GradientNorm
{
    /// <summary>The number of blocks of a layout.</summary>
    public static int Blocks(ParameterLayout layout) => (layout.ParameterLength + ParameterLayout.BlockLength - 1) / ParameterLayout.BlockLength;

    /// <summary>The norm, from the blocks' sums of squares.</summary>
    public static double FromBlocks(ReadOnlySpan<double> sumsOfSquares) => Math.Sqrt(TreeReduce.Sum(sumsOfSquares));

    /// <summary>
    /// The factor that clips a gradient of this norm: min(1, maxNorm / (norm + 1e-6)), as PyTorch's <c>clip_grad_norm_</c>.
    /// </summary>
    public static float ClipFactor(double norm, double maxNorm) => (float)Math.Min(1.0, maxNorm / (norm + 1e-6));
}
