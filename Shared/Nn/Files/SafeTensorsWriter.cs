using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace DistTrain.Nn.Files;

/// <summary>Writes safetensors files: collect the tensors first, then write header and data in one go.</summary>
public sealed class SafeTensorsWriter
{
    private readonly List<(string Name, string Type, int[] Shape, ReadOnlyMemory<byte> Data)> tensors = [];
    private readonly HashSet<string> names = [];

    /// <summary>The strings of <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Adds a float tensor; the memory is read when the file is written.</summary>
    /// <exception cref="ArgumentException">The name is taken, or the shape has another number of elements.</exception>
    public void Add(string name, ReadOnlySpan<int> shape, float[] data) => Add(name, "F32", shape, MemoryMarshal.AsBytes(data.AsSpan()).ToArray());

    /// <summary>Adds a tensor of any type by its bytes, little-endian.</summary>
    /// <exception cref="ArgumentException">The name is taken, or the shape and type need another number of bytes.</exception>
    public void Add(string name, string type, ReadOnlySpan<int> shape, ReadOnlyMemory<byte> data)
    {
        long expected = SafeTensorsEntry.SizeOf(type);
        foreach (int size in shape) expected = checked(expected * size);
        if (expected != data.Length) throw new ArgumentException($"safetensors: {name} of type {type} and shape [{string.Join(", ", shape.ToArray())}] needs {expected} bytes, got {data.Length}");
        if (!names.Add(name)) throw new ArgumentException($"safetensors: there are two tensors named {name}");
        tensors.Add((name, type, shape.ToArray(), data));
    }

    /// <summary>Writes the file to a stream.</summary>
    public void Write(Stream stream)
    {
        byte[] header = Header();
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var tensor in tensors) stream.Write(tensor.Data.Span);
    }

    /// <summary>Writes the file so that at every moment either the old or the complete new one stands under its name.</summary>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public void Save(string path)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                Write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

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
            foreach (var (name, type, shape, data) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (int size in shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += data.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces at the end put the data on a 64-byte border.
        while ((buffer.Length + 8) % 64 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }
}
