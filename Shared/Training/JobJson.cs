using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace DistTrain.Training;

/// <summary>A job as JSON: what a checkpoint keeps of it, and what a worker is sent. Names and numbers, never code.</summary>
public static class JobJson
{
    /// <summary>What may change when a run goes on: how long it lasts.</summary>
    private static readonly string[] MayChange = [nameof(JobOptions.Epochs), nameof(JobOptions.MaxSteps)];

    /// <summary>Writes a job.</summary>
    public static string Of(JobOptions job) => JsonSerializer.Serialize(job, JobJsonContext.Default.JobOptions);

    /// <summary>Reads a job.</summary>
    /// <exception cref="UserErrorException">The text is no job of this version.</exception>
    public static JobOptions Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, JobJsonContext.Default.JobOptions) ?? throw new UserErrorException("the job is empty");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new UserErrorException($"the job cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The first thing in which a job that is asked for differs from a saved one and may not; null for none.</summary>
    /// <param name="saved">The job that was begun.</param>
    /// <param name="asked">The job that is to go on.</param>
    public static (string Name, string Saved, string Asked)? Difference(JobOptions saved, JobOptions asked)
    {
        var (was, now) = (Fields(saved), Fields(asked));
        foreach (var (name, value) in now)
        {
            if (MayChange.Contains(name)) continue;
            string before = Text(was[name]), after = Text(value);
            if (before != after) return (OptionOf(name), before, after);
        }
        return null;
    }

    /// <summary>The option that sets a property.</summary>
    internal static string OptionOf(string property) => property switch
    {
        nameof(JobOptions.Code) => "job",
        nameof(JobOptions.Layers) => "model",
        nameof(JobOptions.OptimizerOptions) => "optimizer",
        nameof(JobOptions.ScheduleOptions) => "schedule",
        _ => Words(property),
    };

    private static string Words(string property) =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(property).Replace("learning-rate", "lr", StringComparison.Ordinal).Replace("non-finite", "nonfinite", StringComparison.Ordinal);

    /// <summary>A job's properties, in order.</summary>
    internal static JsonObject Fields(JobOptions job) => JsonSerializer.SerializeToNode(job, JobJsonContext.Default.JobOptions)!.AsObject();

    private static string Text(JsonNode? value) => value?.ToString() ?? "the default";
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true, IncludeFields = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, Converters = [typeof(ConsistencyText)])]
[JsonSerializable(typeof(JobOptions))]
internal sealed partial class JobJsonContext : JsonSerializerContext;

/// <summary>Consistency as the command line writes it.</summary>
internal sealed class ConsistencyText : JsonConverter<Consistency>
{
    public override Consistency Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Consistency.Parse(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, Consistency value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
