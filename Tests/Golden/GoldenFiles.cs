using System.Text.Json;

namespace DistTrain.Tests.Golden;

/// <summary>
/// Where the figures are: <c>Golden</c> beside the test assembly or, where the environment variable <c>DISTTRAIN_GOLDEN_DIR</c> names one, another folder with the same
/// subfolders.
/// </summary>
internal static class GoldenFiles
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("DISTTRAIN_GOLDEN_DIR") is { Length: > 0 } named ? named : Path.Combine(AppContext.BaseDirectory, "Golden");

    /// <summary>All figures, as paths relative to <see cref="Folder"/>: a kind's name, then the file's.</summary>
    public static IEnumerable<string> All() =>
        Directory.Exists(Folder)
            ? Directory.EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal)
            : throw new DirectoryNotFoundException($"the folder of figures {Folder} does not exist");

    /// <summary>The figures of one kind, without the kind's name.</summary>
    public static IEnumerable<string> Of(string kind) => All().Where(f => f.StartsWith(kind + "/", StringComparison.Ordinal)).Select(f => f[(kind.Length + 1)..]);

    public static JsonElement Read(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, file)));
        return document.RootElement.Clone();
    }
}
