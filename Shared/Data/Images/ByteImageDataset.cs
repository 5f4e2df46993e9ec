using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DistTrain.Data;

/// <summary>
/// Images of one size held as bytes, with a class label each. Inputs are float32 <c>[channels, height, width]</c>, pixel / 255.
/// </summary>
public sealed class ByteImageDataset : Dataset
{
    private static readonly float[] ByteToFloat = MakeTable();
    private readonly ReadOnlyMemory<byte> pixels;
    private readonly ReadOnlyMemory<byte> labels;
    private readonly int classes;
    private readonly IReadOnlyList<string>? classNames;

    /// <summary>Takes images.</summary>
    /// <param name="name">A short name for messages.</param>
    /// <param name="pixels">The pixels end to end, each image channel by channel, row by row.</param>
    /// <param name="labels">One label per image, each below <paramref name="classes"/>.</param>
    /// <param name="shape">One image: <c>[channels, height, width]</c>.</param>
    /// <param name="classes">The number of classes, 1 to 256.</param>
    /// <param name="classNames">Their names, where known.</param>
    /// <exception cref="ArgumentException">Pixels and labels are not the same number of images.</exception>
    public ByteImageDataset(string name, ReadOnlyMemory<byte> pixels, ReadOnlyMemory<byte> labels, ReadOnlySpan<int> shape, int classes, IReadOnlyList<string>? classNames = null)
        : base(name, labels.Length, SampleSpec.Float32(shape), SampleSpec.Label)
    {
        if (pixels.Length != (long)labels.Length * Inputs.Length)
            throw new ArgumentException($"{name}: {pixels.Length} pixels for {labels.Length} images of {Inputs}, expected {(long)labels.Length * Inputs.Length}");
        (this.pixels, this.labels, this.classes, this.classNames) = (pixels, labels, classes, classNames);
    }

    /// <inheritdoc/>
    public override int Classes => classes;

    /// <inheritdoc/>
    public override IReadOnlyList<string>? ClassNames => classNames;

    /// <inheritdoc/>
    protected override void ReadSample(ReadContext context, int index, SampleSpan input, SampleSpan target)
    {
        var floats = input.Float32;
        var bytes = pixels.Span.Slice(index * floats.Length, floats.Length);
        ref var table = ref MemoryMarshal.GetArrayDataReference(ByteToFloat);
        for (var i = 0; i < bytes.Length; i++)
            floats[i] = System.Runtime.CompilerServices.Unsafe.Add(ref table, (int)bytes[i]);
        target.Int64[0] = labels.Span[index];
    }

    /// <inheritdoc/>
    protected override void AddContent(IncrementalHash hash)
    {
        hash.AppendData(pixels.Span);
        hash.AppendData(labels.Span);
    }

    private static float[] MakeTable()
    {
        var table = new float[256];
        for (var i = 0; i < table.Length; i++)
            table[i] = i / 255f;
        return table;
    }
}
