using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace DistTrain.Nn.Files;

/// <summary>Writes safetensors files: collect the tensors first, then write header and data in one go.</summary>
/// <param name="checksum">
/// Ends the file with a tensor <see cref="ChecksumName"/> of 32 bytes: the SHA-256 of everything before it. Other readers see one more tensor; <see cref="SafeTensorsFile.VerifyChecksum"/> finds any damage.
/// </param>
public sealed class SafeTensorsWriter(bool checksum = false)
{
    /// <summary>The name of the tensor that holds the checksum.</summary>
    public const string ChecksumName = "checksum.sha256";

    private readonly List<Item> tensors = [];
    private readonly HashSet<string> names = [];

    /// <summary>The strings of <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Adds a float tensor; the memory is read when the file is written.</summary>
    /// <exception cref="ArgumentException">The name is taken, or the shape has another number of elements.</exception>
    public void Add(string name, ReadOnlySpan<int> shape, ReadOnlyMemory<float> data) => Add(name, "F32", shape, data.Length * (long)sizeof(float), data, default);

    /// <summary>Adds a tensor of any type by its bytes, little-endian.</summary>
    /// <exception cref="ArgumentException">The name is taken, or the shape and type need another number of bytes.</exception>
    public void Add(string name, string type, ReadOnlySpan<int> shape, ReadOnlyMemory<byte> data) => Add(name, type, shape, data.Length, default, data);

    private void Add(string name, string type, ReadOnlySpan<int> shape, long length, ReadOnlyMemory<float> floats, ReadOnlyMemory<byte> bytes)
    {
        long expected = SafeTensorsEntry.SizeOf(type);
        foreach (int size in shape) expected = checked(expected * size);
        if (expected != length) throw new ArgumentException($"safetensors: {name} of type {type} and shape [{string.Join(", ", shape.ToArray())}] needs {expected} bytes, got {length}");
        if (!names.Add(name)) throw new ArgumentException($"safetensors: there are two tensors named {name}");
        tensors.Add(new Item(name, type, shape.ToArray(), length, floats, bytes));
    }

    /// <summary>Writes the file to a stream.</summary>
    public void Write(Stream stream)
    {
        using var hash = checksum ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        byte[] header = Header();
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        Put(length);
        Put(header);
        foreach (var tensor in tensors) Put(tensor.Floats.IsEmpty ? tensor.Bytes.Span : MemoryMarshal.AsBytes(tensor.Floats.Span));
        if (hash != null) stream.Write(hash.GetHashAndReset());

        void Put(ReadOnlySpan<byte> data)
        {
            hash?.AppendData(data);
            stream.Write(data);
        }
    }

    /// <summary>Writes the file so that at every moment, also after a crash of the machine, either the old or the complete new one stands under its name.</summary>
    /// <param name="path">The file.</param>
    /// <param name="place">Runs the last, short act, which puts the complete file under its name, or leaves it be; null runs it.</param>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public void Save(string path, Action<Action>? place = null) => AtomicFile.Write(path, Write, place);

    private byte[] Header()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in Metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var (name, type, shape, length) in tensors.Select(t => (t.Name, t.Type, t.Shape, t.Length)).Concat(checksum ? [(ChecksumName, "U8", [SHA256.HashSizeInBytes], SHA256.HashSizeInBytes)] : []))
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (int size in shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces at the end put the data on a 64-byte border.
        while ((buffer.Length + 8) % 64 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private sealed record Item(string Name, string Type, int[] Shape, long Length, ReadOnlyMemory<float> Floats, ReadOnlyMemory<byte> Bytes);
}
