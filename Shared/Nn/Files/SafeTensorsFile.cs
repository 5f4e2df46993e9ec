using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace DistTrain.Nn.Files;

/// <summary>
/// Reads safetensors files (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON header of names, types, shapes and places, then the data. Every
/// length is checked against the file's own size before memory is taken, so a damaged or hostile file gives an error and nothing else.
/// </summary>
public sealed class SafeTensorsFile : IDisposable
{
    /// <summary>The longest header that is read: the format's own limit.</summary>
    private const long LargestHeader = 100_000_000;

    private readonly FileStream stream;
    private readonly long dataStart;
    private readonly Dictionary<string, SafeTensorsEntry> entries = [];
    private readonly Dictionary<string, string> metadata = [];

    private SafeTensorsFile(string path, FileStream stream, long dataStart)
    {
        Path = path;
        this.stream = stream;
        this.dataStart = dataStart;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its tensors, by name.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Entries => entries;

    /// <summary>The strings of <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="UserErrorException">The file cannot be opened, or is no valid safetensors file: the message says what is wrong.</exception>
    public static SafeTensorsFile Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path}: {(File.Exists(path) ? "cannot be read: " + error.Message : "no such file")}", error);
        }
        try
        {
            return Parse(path, stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The elements of a tensor as floats; F16, BF16, F64 and integer types are converted.</summary>
    /// <exception cref="UserErrorException">There is no such tensor, or its type is unknown.</exception>
    public float[] ReadFloats(string name)
    {
        var bytes = ReadBytes(name);
        var entry = entries[name];
        float[] result = new float[entry.Numel];
        switch (entry.Type)
        {
            case "F32": bytes.CopyTo(MemoryMarshal.AsBytes(result.AsSpan())); break;
            case "F64": Convert<double>(bytes, result, static v => (float)v); break;
            case "F16": Convert<Half>(bytes, result, static v => (float)v); break;
            case "BF16": Convert<ushort>(bytes, result, static v => BitConverter.UInt32BitsToSingle((uint)v << 16)); break;
            case "I64": Convert<long>(bytes, result, static v => v); break;
            case "I32": Convert<int>(bytes, result, static v => v); break;
            case "U8" or "BOOL": Convert<byte>(bytes, result, static v => v); break;
            default: throw new UserErrorException($"{Path}: tensor {name} has type {entry.Type}, expected F32, F64, F16, BF16, I64, I32, U8 or BOOL");
        }
        return result;
    }

    /// <summary>The bytes of a tensor.</summary>
    /// <exception cref="UserErrorException">There is no such tensor.</exception>
    public byte[] ReadBytes(string name)
    {
        byte[] bytes = new byte[Entry(name).Length];
        ReadInto(name, bytes);
        return bytes;
    }

    /// <summary>Reads the bytes of a tensor into memory of exactly their number.</summary>
    /// <exception cref="UserErrorException">There is no such tensor, or it has another length.</exception>
    public void ReadInto(string name, Span<byte> destination)
    {
        var entry = Entry(name);
        if (destination.Length != entry.Length) throw new UserErrorException($"{Path}: tensor {name} has {entry.Length} bytes, expected {destination.Length}");
        RandomAccessRead(dataStart + entry.Offset, destination);
    }

    /// <summary>Reads the whole file and compares it with the checksum that it ends with.</summary>
    /// <exception cref="UserErrorException">It has none, or any byte is not what was written.</exception>
    public void VerifyChecksum()
    {
        var entry = Entry(SafeTensorsWriter.ChecksumName);
        if (entry.Length != SHA256.HashSizeInBytes || dataStart + entry.Offset + entry.Length != stream.Length) throw Bad(Path, "its checksum is not its last 32 bytes");
        byte[] stored = ReadBytes(SafeTensorsWriter.ChecksumName);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] chunk = new byte[1 << 16];
        for (long position = 0, end = stream.Length - SHA256.HashSizeInBytes; position < end;)
        {
            var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, end - position));
            RandomAccessRead(position, part);
            hash.AppendData(part);
            position += part.Length;
        }
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(stored)) throw Bad(Path, "its checksum does not match: the file is damaged");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => stream.Dispose();

    private static SafeTensorsFile Parse(string path, FileStream stream)
    {
        Span<byte> first = stackalloc byte[8];
        if (stream.Length < 8) throw Bad(path, $"it has {stream.Length} bytes, too few for a header");
        stream.ReadExactly(first);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(first);
        if (length > LargestHeader || (long)length > stream.Length - 8) throw Bad(path, $"its header claims {length} bytes, the file has {stream.Length}");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        var file = new SafeTensorsFile(path, stream, 8 + (long)length);
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
            file.ReadHeader(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or OverflowException or KeyNotFoundException or IndexOutOfRangeException)
        {
            throw Bad(path, $"its header is damaged: {error.Message.Split(" LineNumber:")[0]}");
        }
        return file;
    }

    private void ReadHeader(JsonElement root)
    {
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == "__metadata__")
            {
                foreach (var item in property.Value.EnumerateObject()) metadata[item.Name] = item.Value.GetString() ?? "";
                continue;
            }
            string type = property.Value.GetProperty("dtype").GetString() ?? "";
            int[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
            var offsets = property.Value.GetProperty("data_offsets");
            long begin = offsets[0].GetInt64(), end = offsets[1].GetInt64();
            if (begin < 0 || end < begin || end > stream.Length - dataStart) throw Bad(Path, $"tensor {property.Name} lies at {begin} to {end} of {stream.Length - dataStart} bytes of data");
            long numel = 1;
            foreach (int size in shape) numel = size < 0 ? throw Bad(Path, $"tensor {property.Name} has a size of {size}") : checked(numel * size);
            int width = SafeTensorsEntry.SizeOf(type);
            if (width == 0) throw Bad(Path, $"tensor {property.Name} has the unknown type {type}");
            if (checked(numel * width) != end - begin) throw Bad(Path, $"tensor {property.Name} of shape [{string.Join(", ", shape)}] and type {type} has {end - begin} bytes, expected {numel * width}");
            if (!entries.TryAdd(property.Name, new SafeTensorsEntry(property.Name, type, shape, begin, end - begin))) throw Bad(Path, $"tensor {property.Name} is listed twice");
        }
    }

    private static UserErrorException Bad(string path, string what) => new($"{path}: not a valid safetensors file: {what}");

    private SafeTensorsEntry Entry(string name) => entries.TryGetValue(name, out var entry)
        ? entry
        : throw new UserErrorException($"{Path}: there is no tensor {name}; it has {(entries.Count <= 20 ? string.Join(", ", entries.Keys) : entries.Count + " others")}");

    private void RandomAccessRead(long position, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(stream.SafeFileHandle, destination, position);
            if (read == 0) throw Bad(Path, "it ends early");
            destination = destination[read..];
            position += read;
        }
    }

    private static void Convert<T>(byte[] bytes, float[] result, Func<T, float> convert) where T : unmanaged
    {
        var values = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < result.Length; i++) result[i] = convert(values[i]);
    }
}
