using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Nn.Files;

namespace DistTrain.Coordinator.Standby;

/// <summary>What a primary notes beside its checkpoints before a standby can take over: a process that goes on from them must hear from it first.</summary>
/// <param name="Line">What this job and all that goes on with it have in common.</param>
/// <param name="Id">The number of the standby's folder.</param>
/// <param name="At">Where the standby is, as <c>host:port</c>.</param>
internal sealed record StandbyRecord([property: JsonPropertyName("line")] Guid Line, [property: JsonPropertyName("id")] Guid Id, [property: JsonPropertyName("at")] string At)
{
    /// <summary>The file's name.</summary>
    public const string Name = "standby.json";

    /// <summary>Reads it; null where there is none.</summary>
    /// <exception cref="UserErrorException">The file is damaged.</exception>
    public static StandbyRecord? Read(string folder) => NoteFile.Read(Path.Combine(folder, Name), StandbyJson.Default.StandbyRecord);

    /// <summary>Writes it, durably.</summary>
    public void Write(string folder) => NoteFile.Write(Path.Combine(folder, Name), this, StandbyJson.Default.StandbyRecord);

    /// <summary>The standby stands by no longer, or this folder's coordinator stands by itself now.</summary>
    public static void Delete(string folder) => File.Delete(Path.Combine(folder, Name));
}

/// <summary>What a standby notes in its own folder: who it is, and how often it has begun.</summary>
/// <param name="Id">The folder's number.</param>
/// <param name="Life">Lives so far.</param>
internal sealed record StandbyLives([property: JsonPropertyName("id")] Guid Id, [property: JsonPropertyName("life")] long Life)
{
    private const string Name = "standing-by.json";

    /// <summary>Counts one more life, durably.</summary>
    /// <exception cref="UserErrorException">The file is damaged.</exception>
    public static StandbyLives Next(string folder)
    {
        string path = Path.Combine(folder, Name);
        var before = NoteFile.Read(path, StandbyJson.Default.StandbyLives) ?? new StandbyLives(Guid.NewGuid(), 0);
        var next = before with { Life = before.Life + 1 };
        NoteFile.Write(path, next, StandbyJson.Default.StandbyLives);
        return next;
    }
}

/// <summary>Small JSON files.</summary>
internal static class NoteFile
{
    public static T? Read<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (JsonException error)
        {
            throw new UserErrorException($"{path}: damaged: {error.Message}", error);
        }
    }

    public static void Write<T>(string path, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(value, type) + "\n")));
}

[JsonSerializable(typeof(StandbyRecord))]
[JsonSerializable(typeof(StandbyLives))]
internal sealed partial class StandbyJson : JsonSerializerContext;
