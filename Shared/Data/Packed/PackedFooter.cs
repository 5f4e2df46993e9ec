using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;

namespace DistTrain.Data;

/// <summary>
/// What stands at the end of a packed file, behind its records: JSON, its length as a little-endian 32-bit number, and the magic bytes that the file begins with too. A file that was
/// cut, or whose writing was interrupted, lacks it.
/// </summary>
internal sealed record PackedFooter(
    string Name, ElementType InputType, ImmutableArray<int> InputShape, bool InputBytes, ElementType TargetType, ImmutableArray<int> TargetShape, int Count, int Classes,
    IReadOnlyList<string>? ClassNames, TableEncoding? Encoding, string Sha256)
{
    private const int MostBytes = 1 << 26;

    /// <summary>The first and last bytes of a packed file.</summary>
    public static ReadOnlySpan<byte> Magic => "DTPACK1\n"u8;

    /// <summary>One sample's input.</summary>
    public SampleSpec Inputs() => new(InputType, InputShape);

    /// <summary>One sample's target.</summary>
    public SampleSpec Targets() => new(TargetType, TargetShape);

    /// <summary>Bytes of one stored input.</summary>
    public long InputSize() => (long)Inputs().Length * (InputBytes ? 1 : InputType is ElementType.Float32 ? 4 : 8);

    /// <summary>Bytes of one sample.</summary>
    public long RecordSize() => InputSize() + (long)Targets().Length * (TargetType is ElementType.Float32 ? 4 : 8);

    /// <summary>Writes it at a file's end.</summary>
    public void Write(Stream stream)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(this);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, json.Length);
        stream.Write(json);
        stream.Write(length);
        stream.Write(Magic);
    }

    /// <summary>Reads it, and checks that the file is as long as it says.</summary>
    /// <exception cref="UserErrorException">The file is missing, cut or no packed file.</exception>
    public static PackedFooter Read(string path)
    {
        if (!File.Exists(path))
            throw new UserErrorException($"{path}: no such file");
        using var stream = File.OpenRead(path);
        Span<byte> end = stackalloc byte[4 + Magic.Length];
        Span<byte> start = stackalloc byte[Magic.Length];
        if (stream.Length < end.Length + Magic.Length)
            throw new UserErrorException($"{path}: {stream.Length} bytes long; expected a packed file");
        stream.ReadExactly(start);
        if (!start.SequenceEqual(Magic))
            throw new UserErrorException($"{path}: begins with 0x{Convert.ToHexStringLower(start)}; expected 0x{Convert.ToHexStringLower(Magic)}, a packed file");
        stream.Position = stream.Length - end.Length;
        stream.ReadExactly(end);
        var length = BinaryPrimitives.ReadInt32LittleEndian(end);
        var before = stream.Length - end.Length - length;
        if (!end[4..].SequenceEqual(Magic) || length is < 2 or > MostBytes || before < Magic.Length)
            throw new UserErrorException($"{path}: does not end as a packed file does; it was cut, or its writing was interrupted");
        stream.Position = before;
        var json = new byte[length];
        stream.ReadExactly(json);
        try
        {
            var footer = JsonSerializer.Deserialize<PackedFooter>(json)!;
            if (!Enum.IsDefined(footer.InputType) || !Enum.IsDefined(footer.TargetType) || (footer.InputBytes && footer.InputType is not ElementType.Float32) || footer.Name is null || footer.Sha256 is null)
                throw new JsonException("an element type, the name or the digest is wrong");
            var expected = checked(footer.RecordSize() * footer.Count);
            return footer.Count >= 0 && before - Magic.Length == expected ? footer
                : throw new UserErrorException($"{path}: {before - Magic.Length} bytes of records; expected {expected} for {footer.Count} samples");
        }
        catch (Exception error) when (error is JsonException or ArgumentException or OverflowException or NullReferenceException)
        {
            throw new UserErrorException($"{path}: its footer is malformed ({error.Message.ReplaceLineEndings(" ")})", error);
        }
    }
}
