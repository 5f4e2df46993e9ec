using System.Buffers.Binary;
using System.IO.Compression;

namespace DistTrain.Data;

/// <summary>
/// Reads IDX files of bytes, gzipped or not: magic <c>00 00 08 n</c>, n big-endian sizes, then the bytes
/// (http://yann.lecun.com/exdb/mnist). Nothing is allocated on the word of a header: the file's own length bounds it.
/// </summary>
public static class IdxFile
{
    /// <summary>The most that gzip can make of a byte; a header that claims more is wrong.</summary>
    private const long GzipMostRatio = 1032;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; gzipped where it begins with gzip's magic bytes.</param>
    /// <param name="dimensions">The number of dimensions that it must have: 3 for images, 1 for labels.</param>
    /// <returns>The sizes and the bytes.</returns>
    /// <exception cref="UserErrorException">The file is missing, truncated, too long, or not an IDX file of bytes with these dimensions.</exception>
    public static (int[] Shape, byte[] Bytes) Read(string path, int dimensions)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            var zipped = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            if (!zipped)
                return Read(path, file, dimensions, file.Length);
            using var gzip = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
            var result = Read(path, gzip, dimensions, file.Length * GzipMostRatio);
            CheckTrailer(path, file, 4 + 4 * dimensions + result.Bytes.Length);
            return result;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"{path}: no such file", error);
        }
        catch (InvalidDataException error)
        {
            throw new UserErrorException($"{path}: not a whole gzip file ({error.Message})", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path}: cannot be read ({error.Message})", error);
        }
    }

    /// <summary>GZipStream takes a file for whole that ends right after its data; the last four bytes must be the length of what it holds.</summary>
    private static void CheckTrailer(string path, FileStream file, int length)
    {
        Span<byte> trailer = stackalloc byte[4];
        file.Position = file.Length - trailer.Length;
        file.ReadExactly(trailer);
        var said = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (said != (uint)length)
            throw new UserErrorException($"{path}: not a whole gzip file (its end says {said} bytes, it holds {length})");
    }

    private static (int[] Shape, byte[] Bytes) Read(string path, Stream stream, int dimensions, long mostBytes)
    {
        Span<byte> header = stackalloc byte[4 + 4 * dimensions];
        var got = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (got < 4)
            throw new UserErrorException($"{path}: {got} bytes long; expected an IDX header of {header.Length} bytes");
        var magic = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (magic != 0x0800u + (uint)dimensions)
            throw new UserErrorException($"{path}: magic number 0x{magic:x8}; expected 0x{0x0800 + dimensions:x8}, an IDX file of bytes with {dimensions} dimension{(dimensions > 1 ? "s" : "")}");
        if (got < header.Length)
            throw new UserErrorException($"{path}: ends within its header, at byte {got}; expected {header.Length} bytes");
        var shape = new int[dimensions];
        var length = 1L;
        for (var i = 0; i < dimensions; i++)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            length = size > int.MaxValue || size == 0 || length > Array.MaxLength / size ? long.MaxValue : length * size;
            if (length > Math.Min(mostBytes, Array.MaxLength))
                throw new UserErrorException($"{path}: dimension {i} is {size}, which is {(size == 0 ? "empty" : "more than the file can hold")}");
            shape[i] = (int)size;
        }
        var bytes = new byte[length];
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read < bytes.Length)
            throw new UserErrorException($"{path}: truncated: {read} bytes of data; expected {bytes.Length} for {string.Join(" x ", shape)}");
        if (stream.ReadByte() >= 0)
            throw new UserErrorException($"{path}: has bytes after its data; expected {bytes.Length} bytes of data for {string.Join(" x ", shape)}");
        return (shape, bytes);
    }
}
