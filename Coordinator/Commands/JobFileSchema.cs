using System.Text.Json.Nodes;
using DistTrain.Coordinator.Serving;
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
        properties[JobFile.CodeKey] = new JsonObject { ["type"] = "string", ["description"] = "A job in C#, as --job names it: MyJobs.dll:MyJobs.SpamFilter. What else the file holds changes its numbers." };
        foreach (var (key, value, help, allowed) in LocalCommand.Settings.Select(setting => Row(setting, new LocalOptions())).Concat(ServeCommand.Settings.Select(setting => Row(setting, new ServeOptions()))))
        {
            if (NotInFile.Contains(key) || properties.ContainsKey(key)) continue;
            var rule = Rule(key, value, allowed);
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

        static (string Key, string Value, string Help, ValueRule? Allowed) Row<T>(Setting<T> setting, T options) => (setting.Key, setting.Value, setting.Help, ValueRule.Of(setting, options));
    }

    private static JsonObject Rule(string key, string value, ValueRule? allowed) => key switch
    {
        "model" => AnyOf(Words(allowed!), JobSchema.Reference("layers")),
        "data" or "loss" or "optimizer" => JobSchema.Reference(key),
        "schedule" => AnyOf(new JsonObject { ["type"] = "string" }, JobSchema.Reference(key)),
        _ => allowed?.Kind switch
        {
            ValueKind.Switch => new JsonObject { ["type"] = "boolean" },
            ValueKind.Word => Words(allowed),
            ValueKind.Whole => Number("integer", allowed),
            ValueKind.Number => Number("number", allowed),
            ValueKind.Pair => new JsonObject { ["type"] = "array", ["items"] = Number("number", allowed), ["minItems"] = 2, ["maxItems"] = 2 },
            _ when value.Contains(',', StringComparison.Ordinal) || value.EndsWith("s>", StringComparison.Ordinal) =>
                new JsonObject { ["type"] = new JsonArray("string", "number", "array"), ["items"] = new JsonObject { ["type"] = new JsonArray("string", "number") } },
            _ => new JsonObject { ["type"] = new JsonArray("string", "number") },
        },
    };

    private static JsonObject Number(string type, ValueRule allowed)
    {
        var rule = new JsonObject { ["type"] = type };
        foreach (var (name, limit) in new[] { ("minimum", allowed.Least), ("maximum", allowed.Most), ("exclusiveMinimum", allowed.Above), ("exclusiveMaximum", allowed.Below) })
            if (limit is { } number) rule[name] = number;
        return rule;
    }

    private static JsonObject Words(ValueRule allowed) => new() { ["enum"] = new JsonArray([.. allowed.Words.Select(word => JsonValue.Create(word))]) };

    private static JsonObject AnyOf(params JsonNode[] rules) => new() { ["anyOf"] = new JsonArray(rules) };
}
