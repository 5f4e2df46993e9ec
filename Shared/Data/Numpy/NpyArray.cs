using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace DistTrain.Data;

/// <summary>
/// An array of a NumPy file: its shape and its elements in C order, as they were stored. Reads <c>.npy</c> files of versions 1 to 3
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) and the members of <c>.npz</c> archives. Element types: b1, u1, u2, u4, i1, i2, i4, i8, f2, f4,
/// f8 in either byte order; Python objects are refused.
/// </summary>
/// <param name="Source">The file, and the member of an archive.</param>
/// <param name="Shape">Sizes of the dimensions.</param>
/// <param name="Kind">NumPy's letter: b, u, i or f.</param>
/// <param name="ItemSize">Bytes of an element.</param>
/// <param name="Bytes">The elements, little-endian.</param>
public sealed record NpyArray(string Source, int[] Shape, char Kind, int ItemSize, byte[] Bytes)
{
    private const int MostHeader = 1 << 16;

    /// <summary>The most that a byte of a deflated archive can become.</summary>
    private const long DeflateMostRatio = 1032;

    /// <summary>Elements.</summary>
    public int Length => Bytes.Length / ItemSize;

    /// <summary>Reads a <c>.npy</c> file.</summary>
    /// <exception cref="UserErrorException">It is missing, truncated, too long or of a kind that is not read.</exception>
    public static NpyArray ReadFile(string path)
    {
        if (!File.Exists(path))
            throw new UserErrorException($"{path}: no such file");
        using var file = File.OpenRead(path);
        return Read(path, file, file.Length);
    }

    /// <summary>Reads members of a <c>.npz</c> file: all of those asked for that are there.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="wanted">Tells which members, by name without <c>.npy</c>.</param>
    /// <exception cref="UserErrorException">It is missing or no archive, or a member is corrupt.</exception>
    public static Dictionary<string, NpyArray> ReadArchive(string path, Func<string, bool> wanted)
    {
        if (!File.Exists(path))
            throw new UserErrorException($"{path}: no such file");
        try
        {
            var archiveLength = new FileInfo(path).Length;
            using var archive = ZipFile.OpenRead(path);
            var arrays = new Dictionary<string, NpyArray>(StringComparer.Ordinal);
            foreach (var entry in archive.Entries)
            {
                var name = entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName;
                if (!wanted(name))
                    continue;
                if (entry.Length / DeflateMostRatio > Math.Min(entry.CompressedLength, archiveLength))
                    throw new UserErrorException($"{path}, array '{name}': said to be {entry.Length} bytes, which {entry.CompressedLength} compressed bytes cannot hold");
                using var stream = entry.Open();
                arrays[name] = Read($"{path}, array '{name}'", stream, entry.Length);
            }
            return arrays;
        }
        catch (InvalidDataException error)
        {
            throw new UserErrorException($"{path}: not a whole .npz archive ({error.Message})", error);
        }
    }

    /// <summary>The names in a <c>.npz</c> file.</summary>
    public static string[] Names(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        return [.. archive.Entries.Select(entry => entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName)];
    }

    /// <summary>An element as a number.</summary>
    public double Number(int index)
    {
        var bytes = Bytes.AsSpan(index * ItemSize, ItemSize);
        return (Kind, ItemSize) switch
        {
            ('f', 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
            ('f', 4) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            ('f', _) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            _ => Integer(index),
        };
    }

    /// <summary>An element of an integer array.</summary>
    public long Integer(int index)
    {
        var bytes = Bytes.AsSpan(index * ItemSize, ItemSize);
        return (Kind, ItemSize) switch
        {
            ('b' or 'u', 1) => bytes[0],
            ('u', 2) => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            ('u', 4) => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            ('i', 1) => (sbyte)bytes[0],
            ('i', 2) => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            ('i', 4) => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            ('i', 8) => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            _ => throw new InvalidOperationException($"{Source}: the elements are {Kind}{ItemSize}, not integers"),
        };
    }

    private static NpyArray Read(string source, Stream stream, long length)
    {
        Span<byte> start = stackalloc byte[12];
        if (stream.ReadAtLeast(start[..10], 10, throwOnEndOfStream: false) < 10)
            throw new UserErrorException($"{source}: {length} bytes long; expected a .npy header");
        if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8))
            throw new UserErrorException($"{source}: begins with 0x{Convert.ToHexStringLower(start[..6])}; expected 0x934e554d5059, a .npy file");
        long headerLength = BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        var before = 10;
        if (start[6] is 2 or 3)
        {
            if (stream.ReadAtLeast(start[10..], 2, throwOnEndOfStream: false) < 2)
                throw new UserErrorException($"{source}: ends within its header");
            headerLength = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
            before = 12;
        }
        else if (start[6] != 1)
        {
            throw new UserErrorException($"{source}: .npy version {start[6]}; expected 1, 2 or 3");
        }
        if (headerLength > MostHeader || headerLength > length - before)
            throw new UserErrorException($"{source}: a header of {headerLength} bytes; expected at most {Math.Min(MostHeader, Math.Max(length - before, 0))}");
        var header = new byte[headerLength];
        if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
            throw new UserErrorException($"{source}: ends within its header");
        return ReadElements(source, Encoding.Latin1.GetString(header), stream, length - before - headerLength);
    }

    private static NpyArray ReadElements(string source, string header, Stream stream, long available)
    {
        var type = NpyHeader.Text(header, "descr") ?? throw new UserErrorException($"{source}: the header names no simple element type; expected one such as '<f4' (structured arrays and Python objects are not read)");
        var (order, kind, size) = type.Length >= 3 && int.TryParse(type.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var bytesEach)
            ? (type[0], type[1], bytesEach) : ('?', '?', 0);
        if (order is not ('<' or '>' or '|' or '=') || (kind, size) is not (('b', 1) or ('u', 1 or 2 or 4) or ('i', 1 or 2 or 4 or 8) or ('f', 2 or 4 or 8)))
            throw new UserErrorException($"{source}: element type '{type}'; expected one of b1, u1, u2, u4, i1, i2, i4, i8, f2, f4, f8");
        var shape = NpyHeader.Shape(header) ?? throw new UserErrorException($"{source}: the header has no shape of whole numbers");
        var total = (long)size;
        foreach (var dimension in shape)
        {
            total = dimension == 0 || total > Array.MaxLength / dimension ? long.MaxValue : total * dimension;
            if (total > available || total > Array.MaxLength)
                throw new UserErrorException($"{source}: shape ({string.Join(", ", shape)}) of {type} is {(dimension == 0 ? "empty" : $"more than the {available} bytes of data")}");
        }
        if (total != available)
            throw new UserErrorException($"{source}: {available} bytes of data; expected {total} for shape ({string.Join(", ", shape)}) of {type}");
        var bytes = new byte[total];
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw new UserErrorException($"{source}: truncated");
        if (order == '>' && size > 1)
        {
            for (var i = 0; i < bytes.Length; i += size)
                bytes.AsSpan(i, size).Reverse();
        }
        return new(source, shape, kind, size, NpyHeader.IsFortran(header) && shape.Length > 1 ? ToCOrder(bytes, shape, size) : bytes);
    }

    /// <summary>Re-lays elements whose first index varies fastest.</summary>
    private static byte[] ToCOrder(byte[] bytes, int[] shape, int size)
    {
        var result = new byte[bytes.Length];
        var index = new int[shape.Length];
        var strides = new long[shape.Length];
        for (var d = 0; d < shape.Length; d++)
            strides[d] = d == 0 ? size : strides[d - 1] * shape[d - 1];
        for (var to = 0; to < bytes.Length; to += size)
        {
            long from = 0;
            for (var d = 0; d < shape.Length; d++)
                from += index[d] * strides[d];
            bytes.AsSpan((int)from, size).CopyTo(result.AsSpan(to));
            for (var d = shape.Length - 1; d >= 0 && ++index[d] == shape[d]; d--)
                index[d] = 0;
        }
        return result;
    }
}
