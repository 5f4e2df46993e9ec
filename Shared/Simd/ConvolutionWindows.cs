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
    private int top; // Where the source's first row lands.
    private int left;
    private float* buffer;

    /// <summary>x [C, H, W] of one group, padded as the shape says.</summary>
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

    /// <summary>The images of consecutive samples, the first of which begins at <paramref name="source"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly float* Take(float* source, int samples = 1)
    {
        if (buffer == null) return source;
        for (var sample = 0; sample < samples; sample++)
        for (var channel = 0; channel < channels; channel++)
        {
            var from = source + (sample * sourceSampleStride) + ((nint)channel * sourceHeight * sourceWidth);
            var to = buffer + ((nint)sample * SampleStride) + ((((nint)channel * Height) + top) * Width) + left;
            for (var row = 0; row < sourceHeight; row++, from += sourceWidth, to += Width)
                CopyRow(from, to, sourceWidth);
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
}
