namespace DistTrain.Simd;

/// <summary>
/// The sizes of a 2-d convolution: input [N, C, H, W], weight [O, C / groups, kernelH, kernelW], output [N, O, outH, outW], all row-major.
/// Padding is with zeros, on both sides.
/// </summary>
/// <param name="Batch">N, samples.</param>
/// <param name="InChannels">C, a multiple of <paramref name="Groups"/>.</param>
/// <param name="Height">H of the input.</param>
/// <param name="Width">W of the input.</param>
/// <param name="OutChannels">O, a multiple of <paramref name="Groups"/>.</param>
/// <param name="KernelH">Rows of the kernel, at least 1.</param>
/// <param name="KernelW">Columns of the kernel, at least 1.</param>
/// <param name="StrideH">Step between output rows, at least 1.</param>
/// <param name="StrideW">Step between output columns, at least 1.</param>
/// <param name="PadH">Rows of zeros above and below.</param>
/// <param name="PadW">Columns of zeros left and right.</param>
/// <param name="DilationH">Distance between kernel rows, at least 1.</param>
/// <param name="DilationW">Distance between kernel columns, at least 1.</param>
/// <param name="Groups">Channels are cut into this many groups that do not see each other.</param>
public readonly record struct ConvShape(
    int Batch, int InChannels, int Height, int Width, int OutChannels, int KernelH, int KernelW,
    int StrideH = 1, int StrideW = 1, int PadH = 0, int PadW = 0, int DilationH = 1, int DilationW = 1, int Groups = 1)
{
    /// <summary>Rows of the output, as PyTorch's Conv2d: floor((H + 2 pad − dilation (kernel − 1) − 1) / stride) + 1.</summary>
    public int OutHeight => OutSize(Height, KernelH, StrideH, PadH, DilationH);

    /// <summary>Columns of the output.</summary>
    public int OutWidth => OutSize(Width, KernelW, StrideW, PadW, DilationW);

    /// <summary>Elements of the input.</summary>
    public int InputLength => checked(Batch * InChannels * Height * Width);

    /// <summary>Elements of the weight.</summary>
    public int WeightLength => checked(OutChannels * (InChannels / Groups) * KernelH * KernelW);

    /// <summary>Elements of the output.</summary>
    public int OutputLength => checked(Batch * OutChannels * OutHeight * OutWidth);

    /// <summary>Input channels of one group.</summary>
    public int GroupInChannels => InChannels / Groups;

    /// <summary>Output channels of one group.</summary>
    public int GroupOutChannels => OutChannels / Groups;

    /// <summary>Throws where no such convolution exists.</summary>
    /// <exception cref="ArgumentException">A size is out of range, channels are no multiple of the groups, or the kernel does not fit into the padded input.</exception>
    public void Validate()
    {
        if (Batch < 0 || InChannels < 1 || Height < 1 || Width < 1 || OutChannels < 1 || KernelH < 1 || KernelW < 1 || StrideH < 1 || StrideW < 1
            || PadH < 0 || PadW < 0 || DilationH < 1 || DilationW < 1 || Groups < 1)
            throw new ArgumentException($"{this}: sizes, strides, dilations and groups must be at least 1, padding and batch at least 0.");
        if (InChannels % Groups != 0 || OutChannels % Groups != 0)
            throw new ArgumentException($"{this}: {InChannels} input and {OutChannels} output channels must be multiples of {Groups} groups.");
        if (OutHeight < 1 || OutWidth < 1)
            throw new ArgumentException($"{this}: the kernel does not fit into the padded input; the output would be {OutHeight} x {OutWidth}.");
    }

    private static int OutSize(int size, int kernel, int stride, int pad, int dilation)
    {
        var room = size + (2 * pad) - (dilation * (kernel - 1)) - 1;
        return room < 0 || stride < 1 ? 0 : (room / stride) + 1;
    }
}
