using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace DistTrain.Data;

/// <summary>
/// Writes samples one after the other into a packed file, which <see cref="PackedDataset"/> reads without holding it in memory. The file appears under its name once it
/// is whole.
/// </summary>
public sealed class PackedWriter : IDisposable
{
    private readonly string path;
    private readonly FileStream stream;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] bytes;
    private readonly PackedFooter footer;
    private readonly SampleSpec inputSpec, targetSpec;
    private int count;
    private bool isWhole;

    /// <summary>Begins a file.</summary>
    /// <param name="path">The file; it is replaced where it is there.</param>
    /// <param name="name">The data set's name.</param>
    /// <param name="inputs">One sample's input.</param>
    /// <param name="targets">One sample's target.</param>
    /// <param name="asBytes">Whether inputs are float32 multiples of 1/255 from 0 to 1, as images' are, to be stored in a byte each.</param>
    /// <param name="classes">The number of classes; 0 for none.</param>
    /// <param name="classNames">Their names, where known.</param>
    /// <param name="encoding">How a table's rows became samples, where they did.</param>
    public PackedWriter(
        string path, string name, SampleSpec inputs, SampleSpec targets, bool asBytes = false, int classes = 0, IReadOnlyList<string>? classNames = null, TableEncoding? encoding = null)
    {
        if (asBytes && inputs.Type is not ElementType.Float32)
            throw new ArgumentException($"{name}: inputs of {inputs} cannot be stored as bytes of pixels, expected float32", nameof(asBytes));
        this.path = path;
        (inputSpec, targetSpec) = (inputs, targets);
        footer = new(name, inputs.Type, inputs.Shape, asBytes, targets.Type, targets.Shape, 0, classes, classNames, encoding, "");
        bytes = new byte[asBytes ? inputs.Length : 0];
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        stream = new(path + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        stream.Write(PackedFooter.Magic);
        hash.AppendData(Encoding.UTF8.GetBytes($"{inputs}\n{targets}\n{classes}\n{asBytes}\n"));
    }

    /// <summary>Writes a sample.</summary>
    /// <exception cref="ArgumentException">The input or target is not as the data set's are.</exception>
    public void Add(SampleSpan input, SampleSpan target)
    {
        if (input.Type != inputSpec.Type || input.Length != inputSpec.Length || target.Type != targetSpec.Type || target.Length != targetSpec.Length)
            throw new ArgumentException($"{footer.Name}: a sample of {input.Length} and {target.Length} elements, expected {inputSpec} and {targetSpec}");
        if (footer.InputBytes)
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                var value = input.Float32[i];
                bytes[i] = (byte)(Math.Clamp(value, 0, 1) * 255 + .5f);
                if (bytes[i] / 255f != value)
                    throw new ArgumentException($"{footer.Name}: sample {count} has an input {value}, expected multiples of 1/255 from 0 to 1");
            }
            Write(bytes);
        }
        else
        {
            Write(AsBytes(input));
        }
        Write(AsBytes(target));
        count = checked(count + 1);
    }

    /// <summary>Ends the file and gives it its name.</summary>
    public void Complete()
    {
        (footer with { Count = count, Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset()) }).Write(stream);
        stream.Dispose();
        File.Move(path + ".tmp", path, overwrite: true);
        isWhole = true;
    }

    /// <summary>Deletes what was written, unless it is whole.</summary>
    public void Dispose()
    {
        hash.Dispose();
        stream.Dispose();
        if (!isWhole)
            File.Delete(path + ".tmp");
    }

    private static ReadOnlySpan<byte> AsBytes(SampleSpan span) =>
        span.Type is ElementType.Float32 ? MemoryMarshal.AsBytes(span.Float32) : MemoryMarshal.AsBytes(span.Int64);

    private void Write(ReadOnlySpan<byte> content)
    {
        stream.Write(content);
        hash.AppendData(content);
    }
}
