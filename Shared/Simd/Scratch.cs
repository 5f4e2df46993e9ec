namespace DistTrain.Simd;

/// <summary>What a kernel's working memory is for: every use has a buffer of its own, so that nested kernels never share one.</summary>
internal enum ScratchUse
{
    VectorPanel,
    ScalarPanel,
    ResultTile,
    Weights,
    Image,
    Gradient,
    RowOffsets,
    StepOffsets,
    VectorOffsets,
    ResultOffsets,
    KernelParts,
}

/// <summary>
/// Working memory of the kernels: per thread and use, 64-byte aligned, grown when a larger problem comes and kept, so that a steady state allocates nothing.
/// Contents are whatever was there.
/// </summary>
internal static unsafe class Scratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static float[]?[]? buffers;

    /// <summary>At least <paramref name="length"/> floats, valid on this thread until the next call with the same use.</summary>
    public static float* Take(ScratchUse use, long length)
    {
        buffers ??= new float[]?[Enum.GetValues<ScratchUse>().Length];
        var needed = checked((int)(length + (Alignment / sizeof(float))));
        var buffer = buffers[(int)use];
        if (buffer == null || buffer.Length < needed)
        {
            // Pinned, so that its address holds without a handle; collected with the thread.
            buffer = GC.AllocateUninitializedArray<float>(needed, pinned: true);
            buffers[(int)use] = buffer;
        }

        fixed (float* start = buffer) return (float*)(((nuint)start + (Alignment - 1)) & ~(nuint)(Alignment - 1));
    }
}
