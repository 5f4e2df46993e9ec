using System.Text.Json.Nodes;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>The schema of job files: the records of <see cref="JobSchema"/>, and every setting of the commands that run a job.</summary>
internal static class JobFileSchema
{
    private static readonly string[] NotInFile = ["job", "resume", "standby"];

    /// <summary>Makes it.</summary>
    public static JsonObject Create()
    {
        var properties = new JsonObject { ["$schema"] = new JsonObject { ["type"] = "string", ["description"] = "Where this schema lies, for editors." } };
        foreach (var (key, value, help, words) in LocalCommand.Settings.Select(Row).Concat(ServeCommand.Settings.Select(Row)))
        {
            if (NotInFile.Contains(key) || properties.ContainsKey(key)) continue;
            var rule = Rule(key, value, words);
            rule["description"] = help;
            properties[key] = rule;
        }
        return new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "A training job of DistTrain",
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
            ["$defs"] = JobSchema.Definitions(),
        };

        static (string Key, string Value, string Help, IReadOnlyList<string> Words) Row<T>(Setting<T> setting) => (setting.Key, setting.Value, setting.Help, setting.Words);
    }

    private static JsonObject Rule(string key, string value, IReadOnlyList<string> words) => key switch
    {
        "model" => AnyOf(Words(JobDefaults.Models), JobSchema.Reference("layers")),
        "data" or "loss" or "optimizer" => JobSchema.Reference(key),
        "schedule" => AnyOf(new JsonObject { ["type"] = "string" }, JobSchema.Reference(key)),
        _ when words.Count > 0 => Words(words),
        _ => value switch
        {
            "" => new JsonObject { ["type"] = "boolean" },
            "<n>" => new JsonObject { ["type"] = "integer" },
            "<x>" or "<seconds>" => new JsonObject { ["type"] = "number" },
            "<b1,b2>" => new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "number" }, ["minItems"] = 2, ["maxItems"] = 2 },
            _ when value.Contains(',', StringComparison.Ordinal) || value.EndsWith("s>", StringComparison.Ordinal) =>
                new JsonObject { ["type"] = new JsonArray("string", "number", "array"), ["items"] = new JsonObject { ["type"] = new JsonArray("string", "number") } },
            _ => new JsonObject { ["type"] = new JsonArray("string", "number") },
        },
    };

    private static JsonObject Words(IEnumerable<string> words) => new() { ["enum"] = new JsonArray([.. words.Select(word => JsonValue.Create(word))]) };

    private static JsonObject AnyOf(params JsonNode[] rules) => new() { ["anyOf"] = new JsonArray(rules) };
}
