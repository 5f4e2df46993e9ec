using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DistTrain.Data;

/// <summary>
/// Samples in a packed file that need not fit in memory: a read is one positioned read per sample. Training goes through it by blocks of consecutive samples (see
/// <see cref="Sampler"/>), so that the reads of a while are near each other on disk and the system's cache serves them.
/// </summary>
public sealed class PackedDataset : IDataset, IDisposable
{
    /// <summary>About how many bytes make a block.</summary>
    public const int BlockBytes = 1 << 20;

    [ThreadStatic]
    private static byte[]? buffer;

    private readonly string path;
    private readonly SafeFileHandle file;
    private readonly PackedFooter footer;
    private readonly int inputSize, recordSize;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserErrorException">It is missing, cut or no packed file.</exception>
    public PackedDataset(string path)
    {
        this.path = path;
        footer = PackedFooter.Read(path);
        (Inputs, Targets) = (footer.Inputs(), footer.Targets());
        if (footer.RecordSize() > Array.MaxLength)
            throw new UserErrorException($"{path}: samples of {footer.RecordSize()} bytes; expected at most {Array.MaxLength}");
        (inputSize, recordSize) = ((int)footer.InputSize(), (int)footer.RecordSize());
        BlockSize = Math.Max(BlockBytes / recordSize, 1);
        file = File.OpenHandle(path);
    }

    /// <inheritdoc/>
    public string Name => footer.Name;

    /// <inheritdoc/>
    public int Count => footer.Count;

    /// <inheritdoc/>
    public SampleSpec Inputs { get; }

    /// <inheritdoc/>
    public SampleSpec Targets { get; }

    /// <inheritdoc/>
    public int Classes => footer.Classes;

    /// <inheritdoc/>
    public IReadOnlyList<string>? ClassNames => footer.ClassNames;

    /// <inheritdoc/>
    public int BlockSize { get; }

    /// <summary>How a table's rows became samples, where they did.</summary>
    public TableEncoding? Encoding => footer.Encoding;

    /// <summary>The digest that was found while the file was written.</summary>
    public string Fingerprint => footer.Sha256;

    /// <inheritdoc/>
    public void Read(ReadContext context, ReadOnlySpan<int> indices, SampleSpan inputs, SampleSpan targets)
    {
        int inputLength = Inputs.Length, targetLength = Targets.Length;
        if (inputs.Type != Inputs.Type || inputs.Length != (long)indices.Length * inputLength)
            throw new ArgumentException($"{Name}: inputs of {indices.Length} samples of {Inputs} asked for in {inputs.Length} elements of {inputs.Type}", nameof(inputs));
        if (targets.Type != Targets.Type || targets.Length != (long)indices.Length * targetLength)
            throw new ArgumentException($"{Name}: targets of {indices.Length} samples of {Targets} asked for in {targets.Length} elements of {targets.Type}", nameof(targets));
        if (buffer is null || buffer.Length < recordSize)
            buffer = new byte[recordSize];
        var record = buffer.AsSpan(0, recordSize);
        for (var i = 0; i < indices.Length; i++)
        {
            if ((uint)indices[i] >= (uint)Count)
                throw new ArgumentOutOfRangeException(nameof(indices), $"{Name}: sample {indices[i]} asked for, expected 0 to {Count - 1}");
            ReadRecord(indices[i], record);
            var input = inputs.Slice(i * inputLength, inputLength);
            if (footer.InputBytes)
            {
                for (var j = 0; j < inputLength; j++)
                    input.Float32[j] = record[j] / 255f;
            }
            else
            {
                record[..inputSize].CopyTo(AsBytes(input));
            }
            record[inputSize..].CopyTo(AsBytes(targets.Slice(i * targetLength, targetLength)));
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private static Span<byte> AsBytes(SampleSpan span) => span.Type is ElementType.Float32 ? MemoryMarshal.AsBytes(span.Float32) : MemoryMarshal.AsBytes(span.Int64);

    private void ReadRecord(int index, Span<byte> record)
    {
        var offset = PackedFooter.Magic.Length + (long)index * recordSize;
        for (var done = 0; done < record.Length;)
        {
            var read = RandomAccess.Read(file, record[done..], offset + done);
            if (read == 0)
                throw new UserErrorException($"{path}: was cut while it was read, at byte {offset + done}");
            done += read;
        }
    }
}
