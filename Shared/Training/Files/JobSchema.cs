using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using DistTrain.Autograd;
using DistTrain.Data;
using DistTrain.Optim;

namespace DistTrain.Training.Files;

/// <summary>
/// The JSON schema of job files, made from the records that they are read into. What an editor shows and what <see cref="SchemaCheck"/> refuses are the same document.
/// </summary>
public static class JobSchema
{
    private static readonly JsonSchemaExporterOptions Exporting = new() { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = (context, node) => Special(context.TypeInfo.Type, context.PropertyInfo?.Name ?? "") ?? node };

    /// <summary>The schema's parts that others refer to: <c>layer</c>, <c>layers</c>, <c>loss</c>, <c>optimizer</c>, <c>schedule</c>, <c>data</c>.</summary>
    public static JsonObject Definitions()
    {
        var definitions = new JsonObject
        {
            ["layers"] = new JsonObject { ["type"] = "array", ["items"] = Reference("layer"), ["minItems"] = 1 },
            ["data"] = Data(),
        };
        foreach (var (family, types) in JobFileJson.Families) definitions[NameOf(family)!] = AnyOf(types, family == typeof(LossOptions) ? NamedLosses.Names : []);
        foreach (var (family, _) in JobFileJson.Families)
        {
            foreach (var branch in Branches(definitions, NameOf(family)!))
            {
                if (CheckedRanges.Sample(family, branch) is not { } sample) continue;
                foreach (var (name, rule) in branch["properties"]!.AsObject())
                    if ($"{rule!["type"]}" is "integer" or "number") CheckedRanges.Add(rule.AsObject(), family, sample, name);
            }
        }
        foreach (var optimizer in Branches(definitions, "optimizer")) AddToOptimizer(optimizer["properties"]!.AsObject());
        foreach (var schedule in Branches(definitions, "schedule")) schedule["properties"]!.AsObject().Add("by_epoch", new JsonObject { ["type"] = "boolean", ["description"] = "Whether it counts epochs instead of steps.", ["default"] = false });
        return definitions;
    }

    /// <summary>A part as others refer to it.</summary>
    public static JsonObject Reference(string name) => new() { ["$ref"] = $"#/$defs/{name}" };

    private static string? NameOf(Type family) => family switch
    {
        _ when family == typeof(Layer) => "layer",
        _ when family == typeof(LossOptions) => "loss",
        _ when family == typeof(OptimizerOptions) => "optimizer",
        _ when family == typeof(Schedule) => "schedule",
        _ => null,
    };

    private static IEnumerable<JsonObject> Branches(JsonObject definitions, string name) => definitions[name]!["anyOf"]!.AsArray().OfType<JsonObject>().Where(branch => branch.ContainsKey("properties"));

    /// <summary>A thing by its name alone, where it needs nothing else, or with arguments.</summary>
    /// <param name="types">The things.</param>
    /// <param name="shortNames">Other names that the command line has for them.</param>
    private static JsonObject AnyOf(ImmutableArray<NamedType> types, ImmutableArray<string> shortNames)
    {
        var branches = new JsonArray();
        var plain = new JsonArray();
        foreach (var (name, type) in types)
        {
            var properties = new JsonObject { [JobFileJson.Type] = new JsonObject { ["const"] = name } };
            var required = new JsonArray(JobFileJson.Type);
            foreach (var property in JobFileJson.Options.GetTypeInfo(type).Properties)
            {
                properties[property.Name] = Property(property);
                if (property.AssociatedParameter is { HasDefaultValue: false }) required.Add(property.Name);
            }
            if (required.Count == 1) plain.Add(name);
            var branch = new JsonObject { ["type"] = "object", ["title"] = name };
            if (DocComments.Of(OptimizerOf(type) ?? type) is { } text) branch["description"] = text;
            branch["properties"] = properties;
            branch["required"] = required;
            branch["additionalProperties"] = false;
            branches.Add(branch);
        }
        foreach (string name in shortNames) plain.Add(name);
        branches.Insert(0, new JsonObject { ["enum"] = plain });
        return new JsonObject { ["anyOf"] = branches };
    }

    /// <summary>The optimizer that options are of: its doc comment says more.</summary>
    private static Type? OptimizerOf(Type options) => options.IsSubclassOf(typeof(OptimizerOptions)) ? options.Assembly.GetType(options.FullName![..^"Options".Length]) : null;

    private static JsonObject Property(JsonPropertyInfo property)
    {
        var node = Special(property.PropertyType, property.Name) ?? JobFileJson.Options.GetJsonSchemaAsNode(property.PropertyType, Exporting) as JsonObject ?? [];
        var parameter = property.AssociatedParameter;
        bool noDefault = parameter is not { HasDefaultValue: true, DefaultValue: not null };
        // Leaving a property out says as much as null, unless null means something else than the default.
        if (noDefault && node["type"] is JsonArray several) node["type"] = several.Select(type => $"{type}").First(type => type != "null");
        string member = (property.AttributeProvider as MemberInfo)?.Name ?? property.Name;
        if (DocComments.Of(property.DeclaringType, member) is { } text) node["description"] = text;
        if (!noDefault) node["default"] = JsonSerializer.SerializeToNode(parameter!.DefaultValue, property.PropertyType, JobFileJson.Options);
        foreach (var attribute in parameter?.AttributeProvider?.GetCustomAttributes(true) ?? [])
        {
            if (attribute is MinLengthAttribute least) node["minItems"] = least.Length;
            if (attribute is not RangeAttribute range) continue;
            double low = Convert.ToDouble(range.Minimum, CultureInfo.InvariantCulture), high = Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture);
            if (low == double.Epsilon) node["exclusiveMinimum"] = 0;
            else node["minimum"] = low;
            if (high is not (int.MaxValue or 1e30)) node["maximum"] = high;
        }
        if ((Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(int)) node["maximum"] ??= int.MaxValue;
        return node;
    }

    private static void AddToOptimizer(JsonObject properties)
    {
        properties["lr"] = new JsonObject { ["type"] = "number", ["minimum"] = 0, ["description"] = "The learning rate." };
        if (!properties.Remove("beta1")) return;
        double[] defaults = [0.9, 0.999];
        properties.Remove("beta2");
        properties["betas"] = new JsonObject
        {
            ["type"] = "array", ["items"] = new JsonObject { ["type"] = "number", ["minimum"] = 0, ["exclusiveMaximum"] = 1 }, ["minItems"] = 2, ["maxItems"] = 2,
            ["description"] = "Decays of the averages of the gradient and its square.", ["default"] = new JsonArray(defaults[0], defaults[1]),
        };
    }

    private static JsonObject Data()
    {
        var branches = new JsonArray(new JsonObject { ["type"] = "string", ["description"] = $"As --data: {DataSources.Usage}." });
        foreach (var kind in DataSources.Kinds)
        {
            var properties = new JsonObject
            {
                [JobFileJson.Type] = new JsonObject { ["const"] = kind.Name },
                ["path"] = new JsonObject { ["type"] = "string", ["description"] = $"What follows the colon in {kind.Usage}; relative to --data-root, or without it to the folder that the program runs in." },
            };
            foreach (var option in kind.Options.Append(DataSources.Augment)) properties[option.Name.Replace('-', '_')] = Option(option);
            branches.Add(new JsonObject { ["type"] = "object", ["title"] = kind.Name, ["description"] = kind.Help, ["properties"] = properties, ["required"] = new JsonArray(JobFileJson.Type), ["additionalProperties"] = false });
        }
        return new JsonObject { ["anyOf"] = branches };
    }

    /// <summary>An option of data: one of its words, true and false for yes and no, or anything that its reader makes something of.</summary>
    private static JsonObject Option(DataOption option)
    {
        var rule = option.Words.IsEmpty
            ? new JsonObject { ["type"] = new JsonArray("string", "number", "boolean", "array"), ["items"] = new JsonObject { ["type"] = new JsonArray("string", "number") } }
            : new JsonObject { ["enum"] = new JsonArray([.. option.Words.Select(word => JsonValue.Create(word))]) };
        if (option.Range is { } range) rule = new JsonObject { ["type"] = option.IsWhole ? "integer" : "number", ["minimum"] = range.Least, ["maximum"] = range.Most };
        if (option.Words.Contains("yes")) rule = new JsonObject { ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "boolean" }, rule) };
        rule["description"] = option.Help;
        return rule;
    }

    /// <summary>What the exporter knows nothing of: parts that are written by converters, and parts of which there are many kinds.</summary>
    private static JsonObject? Special(Type type, string name)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (NameOf(type) is { } thing) return Reference(thing);
        if (type == typeof(Size2d)) return SizesOf(2, name.EndsWith("padding", StringComparison.Ordinal) ? 0 : 1);
        if (type == typeof(Sizes)) return SizesOf(null, 1);
        return type == typeof(Annealing) ? new JsonObject { ["enum"] = new JsonArray("cos", "linear") } : null;
    }

    private static JsonObject SizesOf(int? count, int least)
    {
        var list = new JsonObject { ["type"] = "array", ["items"] = Size(), ["minItems"] = 1 };
        if (count is { } exactly) (list["minItems"], list["maxItems"]) = (exactly, exactly);
        return new JsonObject { ["anyOf"] = new JsonArray(Size(), list) };

        JsonObject Size() => new() { ["type"] = "integer", ["minimum"] = least, ["maximum"] = int.MaxValue };
    }
}
