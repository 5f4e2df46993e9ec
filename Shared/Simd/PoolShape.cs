namespace DistTrain.Simd;

/// <summary>The sizes of a 2-d pooling: input [planes, H, W] where planes = N·C, output [planes, outH, outW]. Sizes are as PyTorch's (floor mode).</summary>
/// <param name="Planes">N·C: every plane is pooled alone.</param>
/// <param name="Height">H of the input.</param>
/// <param name="Width">W of the input.</param>
/// <param name="KernelH">Rows of the window.</param>
/// <param name="KernelW">Columns of the window.</param>
/// <param name="StrideH">Step between windows' rows.</param>
/// <param name="StrideW">Step between windows' columns.</param>
/// <param name="PadH">Padding above and below, at most half the kernel.</param>
/// <param name="PadW">Padding left and right, at most half the kernel.</param>
public readonly record struct PoolShape(
    int Planes, int Height, int Width, int KernelH, int KernelW, int StrideH, int StrideW, int PadH = 0, int PadW = 0)
{
    /// <summary>Rows of the output: floor((H + 2 pad − kernel) / stride) + 1.</summary>
    public int OutHeight => Height + (2 * PadH) < KernelH || StrideH < 1 ? 0 : ((Height + (2 * PadH) - KernelH) / StrideH) + 1;

    /// <summary>Columns of the output.</summary>
    public int OutWidth => Width + (2 * PadW) < KernelW || StrideW < 1 ? 0 : ((Width + (2 * PadW) - KernelW) / StrideW) + 1;

    /// <summary>Elements of the input.</summary>
    public int InputLength => checked(Planes * Height * Width);

    /// <summary>Elements of the output.</summary>
    public int OutputLength => checked(Planes * OutHeight * OutWidth);

    /// <summary>Throws where no such pooling exists.</summary>
    /// <exception cref="ArgumentException">A size is out of range, padding exceeds half the kernel, or the window does not fit.</exception>
    public void Validate()
    {
        if (Planes < 0 || Height < 1 || Width < 1 || KernelH < 1 || KernelW < 1 || StrideH < 1 || StrideW < 1 || PadH < 0 || PadW < 0)
            throw new ArgumentException($"{this}: sizes and strides must be at least 1, planes and padding at least 0.");
        if (PadH > KernelH / 2 || PadW > KernelW / 2)
            throw new ArgumentException($"{this}: padding must be at most half the kernel.");
        if (OutHeight < 1 || OutWidth < 1)
            throw new ArgumentException($"{this}: the window does not fit into the padded input; the output would be {OutHeight} x {OutWidth}.");
    }
}
