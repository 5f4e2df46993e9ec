using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistTrain.Training.Files;

/// <summary>Holds a document against a JSON schema, as far as <see cref="JobSchema"/> uses the language, and says all that is wrong with it. Words that differ from the schema's in case only are right.</summary>
/// <param name="schema">The schema.</param>
public sealed class SchemaCheck(JsonObject schema)
{
    private readonly List<(SourceNode Node, string Message)> found = [];

    /// <summary>What is wrong with a document, in its own order.</summary>
    public static IReadOnlyList<(SourceNode Node, string Message)> Of(JsonObject schema, SourceNode document)
    {
        var check = new SchemaCheck(schema);
        check.Check(document, schema);
        return check.found;
    }

    private void Check(SourceNode node, JsonObject rule)
    {
        rule = Resolve(rule);
        if (rule["anyOf"] is JsonArray branches)
        {
            CheckAny(node, [.. branches.Select(branch => Resolve(branch!.AsObject()))]);
            return;
        }
        if (!Fits(node, rule))
        {
            Wrong(node, Allowed([rule]));
            return;
        }
        if (rule["enum"] is JsonArray words && !words.Any(word => Same(word, node)))
        {
            Wrong(node, Allowed([rule]), Suggestion.Hint(node.Text, words.Select(word => $"{word}")));
            return;
        }
        switch (node.Kind)
        {
            case JsonTokenType.StartObject: CheckObject(node, rule); break;
            case JsonTokenType.StartArray: CheckArray(node, rule); break;
            case JsonTokenType.Number: CheckNumber(node, rule); break;
        }
    }

    private void CheckAny(SourceNode node, List<JsonObject> branches)
    {
        var possible = branches.Where(branch => Fits(node, branch)).ToList();
        if (possible.Count == 0)
        {
            Wrong(node, Allowed(branches));
            return;
        }
        if (node.Kind != JsonTokenType.StartObject || Constant(possible[0]) is null)
        {
            Check(node, possible.FirstOrDefault(branch => branch["enum"] is not JsonArray words || words.Any(word => Same(word, node))) ?? possible[0]);
            return;
        }
        string[] kinds = [.. possible.Select(branch => Constant(branch)!)];
        if (node[JobFileJson.Type] is not { } type) Wrong(node, $"\"{JobFileJson.Type}\", one of {string.Join(", ", kinds)}", "", "has no type");
        else if (possible.FirstOrDefault(branch => string.Equals(Constant(branch), type.Text, StringComparison.OrdinalIgnoreCase)) is { } meant) Check(node, meant);
        else Wrong(type, $"one of {string.Join(", ", kinds)}", Suggestion.Hint(type.Text, kinds));
    }

    private void CheckObject(SourceNode node, JsonObject rule)
    {
        var properties = rule["properties"]?.AsObject() ?? [];
        var seen = new HashSet<string>();
        foreach (var (name, value) in node.Members)
        {
            if (!seen.Add(name)) found.Add((value, "is given twice"));
            else if (properties[name] is JsonObject known) Check(value, known);
            else if (rule["additionalProperties"]?.GetValueKind() == JsonValueKind.False)
            {
                var names = properties.Select(property => property.Key).Where(key => key != "$schema");
                string hint = Suggestion.Hint(name.Replace('-', '_'), names);
                found.Add((value, hint.Length > 0 && properties.Count > 12 ? $"is unknown{hint}" : $"is unknown, expected one of {string.Join(", ", names)}{hint}"));
            }
        }
        foreach (var name in rule["required"]?.AsArray().Select(item => $"{item}") ?? [])
            if (!seen.Contains(name)) found.Add((node, $"has no {name}{(Describe(properties[name]) is { } text ? $": {text}" : ", which is needed")}"));
    }

    private void CheckArray(SourceNode node, JsonObject rule)
    {
        if (rule["minItems"] is { } least && node.Items.Count < Number(least)) Wrong(node, $"{least} or more elements", "", $"has {node.Items.Count} elements");
        else if (rule["maxItems"] is { } most && node.Items.Count > Number(most)) Wrong(node, $"{most} elements at most", "", $"has {node.Items.Count} elements");
        if (rule["items"] is not JsonObject each) return;
        foreach (var item in node.Items) Check(item, each);
    }

    private void CheckNumber(SourceNode node, JsonObject rule)
    {
        double value = double.Parse(node.Text, CultureInfo.InvariantCulture);
        bool low = rule["minimum"] is { } least && value < Number(least), high = rule["maximum"] is { } most && value > Number(most);
        bool outside = rule["exclusiveMinimum"] is { } above && value <= Number(above) || rule["exclusiveMaximum"] is { } below && value >= Number(below);
        if (!low && !high && !outside && double.IsFinite(value)) return;
        Wrong(node, Allowed([rule], tooLarge: high));
    }

    private void Wrong(SourceNode node, string expected, string hint = "", string? was = null) => found.Add((node, $"{was ?? $"was {node}"}, expected {expected}{hint}"));

    private JsonObject Resolve(JsonObject rule)
    {
        while (rule["$ref"] is { } reference)
        {
            JsonNode target = schema;
            foreach (string part in $"{reference}".TrimStart('#', '/').Split('/')) target = target[part]!;
            rule = target.AsObject();
        }
        return rule;
    }

    /// <summary>Whether a value is of the kind that a rule is about.</summary>
    private bool Fits(SourceNode node, JsonObject rule)
    {
        if (rule["anyOf"] is JsonArray branches) return branches.Any(branch => Fits(node, Resolve(branch!.AsObject())));
        if (rule["const"] is { } constant) return Same(constant, node);
        if (rule["enum"] is not null && rule["type"] is null) return node.Kind == JsonTokenType.String;
        if (rule["type"] is null) return true;
        return Types(rule).Any(type => type switch
        {
            "object" => node.Kind == JsonTokenType.StartObject,
            "array" => node.Kind == JsonTokenType.StartArray,
            "string" => node.Kind == JsonTokenType.String,
            "boolean" => node.Kind is JsonTokenType.True or JsonTokenType.False,
            "null" => node.Kind == JsonTokenType.Null,
            "integer" => node.Kind == JsonTokenType.Number && decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value) && value == decimal.Truncate(value),
            "number" => node.Kind == JsonTokenType.Number,
            _ => false,
        });
    }

    private static IEnumerable<string> Types(JsonObject rule) => rule["type"] is JsonArray several ? several.Select(type => $"{type}") : [$"{rule["type"]}"];

    private static string? Constant(JsonObject branch) => branch["properties"]?[JobFileJson.Type]?["const"] is { } constant ? $"{constant}" : null;

    private static string? Describe(JsonNode? rule) => rule?["description"] is { } text ? $"{text}".TrimEnd('.') : null;

    private static bool Same(JsonNode? word, SourceNode node) => string.Equals($"{word}", node.Text, StringComparison.OrdinalIgnoreCase) && node.Kind is JsonTokenType.String or JsonTokenType.Number;

    private static double Number(JsonNode node) => Convert.ToDouble(node.ToString(), CultureInfo.InvariantCulture);

    /// <summary>What rules allow, in words.</summary>
    private string Allowed(IEnumerable<JsonObject> rules, bool tooLarge = false) => string.Join(" or ", rules.SelectMany(rule => Alternatives(rule, tooLarge)).Distinct());

    private IEnumerable<string> Alternatives(JsonObject rule, bool tooLarge)
    {
        rule = Resolve(rule);
        if (rule["anyOf"] is JsonArray branches) return branches.SelectMany(branch => Alternatives(branch!.AsObject(), tooLarge));
        if (rule["enum"] is JsonArray words) return [$"one of {string.Join(", ", words.Select(word => $"{word}"))}"];
        if (rule["const"] is { } constant) return [$"{constant}"];
        return Types(rule).Select(type => type switch
        {
            "integer" => $"a whole number{Range(rule, tooLarge)}",
            "number" => $"a number{Range(rule, tooLarge)}",
            "boolean" => "true or false",
            "string" => "a text",
            "object" => "an object",
            "array" => "an array",
            _ => type,
        });
    }

    /// <summary>A range in words. Everybody knows that there is a largest integer, until they meet it.</summary>
    private static string Range(JsonObject rule, bool tooLarge)
    {
        JsonNode? least = rule["minimum"], above = rule["exclusiveMinimum"], below = rule["exclusiveMaximum"], most = rule["maximum"] is { } limit && (tooLarge || Number(limit) != int.MaxValue) ? limit : null;
        if (least is not null && most is not null) return $" from {least} to {most}";
        string[] ends = [.. ((string?[])[least is null ? null : $"of {least} or more", above is null ? null : $"above {above}", most is null ? null : $"of {most} at most", below is null ? null : $"below {below}"]).OfType<string>()];
        return ends.Length == 0 ? "" : $" {string.Join(" and ", ends)}";
    }
}
