using System.IO.Compression;

namespace DistTrain.Tests.Data;

/// <summary>A folder for a test's files, deleted at its end.</summary>
public sealed class TempFolder : IDisposable
{
    public TempFolder() => Folder = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public string Folder { get; }

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, name.EndsWith(".gz", StringComparison.Ordinal) ? Gzip(bytes) : bytes.ToArray());
        return path;
    }

    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return memory.ToArray();
    }
}
