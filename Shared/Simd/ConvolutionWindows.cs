using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// A product over windows of one image: <c>result[channel][position] (+)= Σ image[position's offset + step's offset] · weights[step][channel]</c>.
/// </summary>
internal unsafe struct WindowProduct
{
    public float* Image;

    public int Positions;
    public int* PositionOffsets;

    public int Steps;
    public int* StepOffsets;

    /// <summary>Packed in panels of lanes, [step][lane].</summary>
    public float* Weights;
    public int Channels;

    public float* Result;
    public nint ResultStride;

    /// <summary>Where a position's result goes within its channel, or null where positions lie side by side.</summary>
    public int* ResultOffsets;

    public bool Accumulate;

    /// <summary>One value per channel, or null.</summary>
    public float* Bias;
    public Activation Activation;
}

/// <summary>The images of a convolution with zeros around them, so that no window has an edge. Without padding they are read where they are.</summary>
internal unsafe struct PaddedImage
{
    public int Height;
    public int Width;

    /// <summary>From one sample to the next, in floats.</summary>
    public int SampleStride;

    private int channels;
    private int sourceHeight;
    private int sourceWidth;
    private nint sourceSampleStride;
    private int top; // Where the source's first row lands; negative where rows are cut off.
    private int left;
    private float* buffer;

    /// <summary>x [C, H, W] of one group, padded as the shape says, for windows of the forward pass.</summary>
    public static PaddedImage OfInput(in ConvShape shape, int samples)
    {
        var image = new PaddedImage
        {
            Height = shape.Height + (2 * shape.PadH), Width = shape.Width + (2 * shape.PadW), channels = shape.GroupInChannels, sourceHeight = shape.Height,
            sourceWidth = shape.Width, sourceSampleStride = (nint)shape.InChannels * shape.Height * shape.Width, top = shape.PadH, left = shape.PadW,
        };
        image.Prepare(samples);
        return image;
    }

    /// <summary>dy [O, outH, outW] of one group, with every row and column that the reversed kernel can ask for.</summary>
    public static PaddedImage OfOutput(in ConvShape shape)
    {
        int low = WindowTables.First(shape.KernelH, shape.DilationH, shape.PadH, shape.StrideH), high = (shape.Height - 1 + shape.PadH) / shape.StrideH;
        int lowW = WindowTables.First(shape.KernelW, shape.DilationW, shape.PadW, shape.StrideW), highW = (shape.Width - 1 + shape.PadW) / shape.StrideW;
        var image = new PaddedImage
        {
            Height = high - low + 1, Width = highW - lowW + 1, channels = shape.GroupOutChannels, sourceHeight = shape.OutHeight, sourceWidth = shape.OutWidth,
            sourceSampleStride = (nint)shape.OutChannels * shape.OutHeight * shape.OutWidth, top = -low, left = -lowW,
        };
        image.Prepare(1);
        return image;
    }

    /// <summary>The images of consecutive samples, the first of which begins at <paramref name="source"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly float* Take(float* source, int samples = 1)
    {
        if (buffer == null) return source;
        int firstRow = Math.Max(0, -top), lastRow = Math.Min(sourceHeight, Height - top), firstColumn = Math.Max(0, -left);
        var columns = Math.Min(sourceWidth, Width - left) - firstColumn;
        if (columns <= 0) return buffer;
        for (var sample = 0; sample < samples; sample++)
        for (var channel = 0; channel < channels; channel++)
        {
            var from = source + (sample * sourceSampleStride) + ((nint)channel * sourceHeight * sourceWidth) + (firstRow * sourceWidth) + firstColumn;
            var to = buffer + ((nint)sample * SampleStride) + ((((nint)channel * Height) + firstRow + top) * Width) + firstColumn + left;
            for (var row = firstRow; row < lastRow; row++, from += sourceWidth, to += Width)
                CopyRow(from, to, columns);
        }

        return buffer;
    }

    // Rows are short (11 or 13 floats in small images): the last vector overlaps the one before instead of leaving a scalar rest.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRow(float* from, float* to, nint columns)
    {
        nint column = 0;
        if (columns >= Vector128<float>.Count)
        {
            for (; column < columns - Vector128<float>.Count; column += Vector128<float>.Count) Vector128.Load(from + column).Store(to + column);
            column = columns - Vector128<float>.Count;
            Vector128.Load(from + column).Store(to + column);
            return;
        }

        for (; column < columns; column++) to[column] = from[column];
    }

    // Zeros once: later images overwrite what is not padding.
    private void Prepare(int samples)
    {
        var unchanged = top == 0 && left == 0 && Height == sourceHeight && Width == sourceWidth;
        SampleStride = unchanged ? checked((int)sourceSampleStride) : channels * Height * Width;
        if (unchanged) return;
        buffer = Scratch.Take(ScratchUse.Image, (long)samples * SampleStride);
        new Span<float>(buffer, checked(samples * SampleStride)).Clear();
    }
}

/// <summary>Offsets, in floats, of what windows read.</summary>
internal static unsafe class WindowTables
{
    /// <summary>The first element of each output position's window, of several samples one after the other.</summary>
    public static int* Outputs(ScratchUse use, in ConvShape shape, in PaddedImage image, int samples)
    {
        var table = (int*)Scratch.Take(use, (long)samples * shape.OutHeight * shape.OutWidth);
        var next = table;
        for (var sample = 0; sample < samples; sample++)
        for (var row = 0; row < shape.OutHeight; row++)
        for (var column = 0; column < shape.OutWidth; column++)
            *next++ = (sample * image.SampleStride) + (row * shape.StrideH * image.Width) + (column * shape.StrideW);
        return table;
    }

    /// <summary>Each kernel element (input channel, row, column) within a window.</summary>
    public static int* Kernel(ScratchUse use, in ConvShape shape, in PaddedImage image)
    {
        var table = (int*)Scratch.Take(use, shape.GroupInChannels * shape.KernelH * shape.KernelW);
        var next = table;
        for (var channel = 0; channel < shape.GroupInChannels; channel++)
        for (var kh = 0; kh < shape.KernelH; kh++)
        for (var kw = 0; kw < shape.KernelW; kw++)
            *next++ = (((channel * image.Height) + (kh * shape.DilationH)) * image.Width) + (kw * shape.DilationW);
        return table;
    }

    /// <summary>Each kernel element (output channel, row, column) that reaches input elements of the remainder (row, column), as seen from dy.</summary>
    public static int* ReversedKernel(ScratchUse use, in ConvShape shape, in PaddedImage image, int row, int column, out int steps)
    {
        var table = (int*)Scratch.Take(use, shape.GroupOutChannels * shape.KernelH * shape.KernelW);
        steps = 0;
        int firstRow = First(shape.KernelH, shape.DilationH, shape.PadH, shape.StrideH), firstColumn = First(shape.KernelW, shape.DilationW, shape.PadW, shape.StrideW);
        for (var channel = 0; channel < shape.GroupOutChannels; channel++)
        for (var kh = 0; kh < shape.KernelH; kh++)
        for (var kw = 0; kw < shape.KernelW; kw++)
        {
            if (!Reaches(shape, row, column, kh, kw)) continue;
            int up = ((row + shape.PadH - (kh * shape.DilationH)) / shape.StrideH) - firstRow, left = ((column + shape.PadW - (kw * shape.DilationW)) / shape.StrideW) - firstColumn;
            table[steps++] = (((channel * image.Height) + up) * image.Width) + left;
        }

        return table;
    }

    /// <summary>Whether a kernel element meets input elements whose row and column have these remainders by the stride.</summary>
    public static bool Reaches(in ConvShape shape, int row, int column, int kh, int kw) =>
        (row + shape.PadH - (kh * shape.DilationH)) % shape.StrideH == 0 && (column + shape.PadW - (kw * shape.DilationW)) % shape.StrideW == 0;

    /// <summary>A grid of rows and columns.</summary>
    public static int* Grid(ScratchUse use, int rows, int columns, int rowStride, int columnStride)
    {
        var table = (int*)Scratch.Take(use, (long)rows * columns);
        var next = table;
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) *next++ = (row * rowStride) + (column * columnStride);
        return table;
    }

    /// <summary>The first output row (or column) that the reversed kernel asks for, rounded down: negative where that is padding.</summary>
    public static int First(int kernel, int dilation, int pad, int stride)
    {
        var start = pad - ((kernel - 1) * dilation);
        return start >= 0 ? start / stride : -((-start + stride - 1) / stride);
    }
}
