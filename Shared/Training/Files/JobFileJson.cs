using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DistTrain.Autograd;
using DistTrain.Optim;

namespace DistTrain.Training.Files;

/// <summary>How the records of a job file are written as JSON: snake_case, PyTorch's names, the kind of a thing as <c>type</c>.</summary>
public static class JobFileJson
{
    /// <summary>The property that says which layer, loss, optimizer or schedule it is.</summary>
    public const string Type = "type";

    /// <summary>The optimizers, under PyTorch's names.</summary>
    public static readonly ImmutableArray<NamedType> Optimizers =
    [
        new("SGD", typeof(SGDOptions)), new("Adam", typeof(AdamOptions)), new("AdamW", typeof(AdamWOptions)), new("NAdam", typeof(NAdamOptions)), new("RAdam", typeof(RAdamOptions)), new("Adamax", typeof(AdamaxOptions)),
        new("Adagrad", typeof(AdagradOptions)), new("Adadelta", typeof(AdadeltaOptions)), new("RMSprop", typeof(RMSpropOptions)), new("Rprop", typeof(RpropOptions)),
    ];

    /// <summary>The schedules, under PyTorch's names.</summary>
    public static readonly ImmutableArray<NamedType> Schedules =
    [
        new("StepLR", typeof(StepLR)), new("MultiStepLR", typeof(MultiStepLR)), new("ExponentialLR", typeof(ExponentialLR)), new("ConstantLR", typeof(ConstantLR)), new("LinearLR", typeof(LinearLR)),
        new("PolynomialLR", typeof(PolynomialLR)), new("CosineAnnealingLR", typeof(CosineAnnealingLR)), new("CosineAnnealingWarmRestarts", typeof(CosineAnnealingWarmRestarts)), new("OneCycleLR", typeof(OneCycleLR)),
        new("SequentialLR", typeof(SequentialLR)), new("ChainedScheduler", typeof(ChainedScheduler)), new("Warmup", typeof(Warmup)),
    ];

    /// <summary>What PyTorch calls otherwise than the records do.</summary>
    private static readonly Dictionary<string, string> Renamed = new()
    {
        ["epsilon"] = "eps", ["ams_grad"] = "amsgrad", ["learning_rate_decay"] = "lr_decay", ["initial_accumulator"] = "initial_accumulator_value", ["decoupled"] = "decoupled_weight_decay",
        ["t_max"] = "T_max", ["t0"] = "T_0", ["t_mult"] = "T_mult", ["max_rate"] = "max_lr", ["rise_share"] = "pct_start", ["annealing"] = "anneal_strategy",
    };

    /// <summary>How everything in a job file is read and written.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    /// <summary>The records that go by a type's name, below their common base.</summary>
    internal static readonly ImmutableArray<(Type Base, ImmutableArray<NamedType> Types)> Families =
        [(typeof(Layer), LayerTypes.All), (typeof(LossOptions), LossOptions.All), (typeof(OptimizerOptions), Optimizers), (typeof(Schedule), Schedules)];

    /// <summary>The name of a layer, loss, optimizer or schedule as the library writes it, whatever its case; other words as they are.</summary>
    public static string Spelled(string name) => Families.SelectMany(family => family.Types).FirstOrDefault(known => string.Equals(known.Name, name, StringComparison.OrdinalIgnoreCase)).Name ?? name;

    /// <summary>Reads a layer, loss, optimizer or schedule, or a list of layers.</summary>
    /// <exception cref="JsonException">The text is something else.</exception>
    public static T Read<T>(string json) => JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip }) is { } node
        ? Expanded(node).Deserialize<T>(Options) ?? throw new JsonException("is null")
        : throw new JsonException("is null");

    /// <summary>Names alone stand for things with their defaults; Adam's decays are two numbers to the user and two properties here.</summary>
    private static JsonNode Expanded(JsonNode node)
    {
        switch (node)
        {
            case JsonObject thing:
                if (thing.ContainsKey("betas") && thing["betas"] is JsonArray { Count: 2 } betas)
                {
                    (thing["beta1"], thing["beta2"]) = (betas[0]!.DeepClone(), betas[1]!.DeepClone());
                    thing.Remove("betas");
                }
                foreach (string list in (string[])["layers", "schedules"]) if (thing[list] is JsonArray inside) Expanded(inside);
                return thing;
            case JsonArray list:
                for (int i = 0; i < list.Count; i++) list[i] = list[i] is { } item ? Expanded(item).DeepClone() : null;
                return list;
            case JsonValue value when value.TryGetValue(out string? name):
                return new JsonObject { [Type] = name };
            default:
                return node;
        }
    }

    private static JsonSerializerOptions Create()
    {
        var resolver = new DefaultJsonTypeInfoResolver();
        resolver.Modifiers.Add(Shape);
        var options = new JsonSerializerOptions
        {
            TypeInfoResolver = resolver,
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowOutOfOrderMetadataProperties = true,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        };
        options.Converters.Add(new AnnealingText());
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new SizePair());
        options.Converters.Add(new SizeList());
        options.MakeReadOnly();
        return options;
    }

    private static void Shape(JsonTypeInfo info)
    {
        foreach (var (family, types) in Families)
        {
            if (info.Type != family) continue;
            info.PolymorphismOptions = new JsonPolymorphismOptions { TypeDiscriminatorPropertyName = Type, UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization };
            foreach (var (name, type) in types) info.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(type, name));
        }
        if (info.Kind != JsonTypeInfoKind.Object) return;
        for (int i = info.Properties.Count - 1; i >= 0; i--)
        {
            var property = info.Properties[i];
            // What is derived from the rest, such as an optimizer's name, is not part of the file.
            if ((property.Set is null && property.AssociatedParameter is null) || (info.Type == typeof(RpropOptions) && property.Name == "weight_decay"))
            {
                info.Properties.RemoveAt(i);
                continue;
            }
            // Null says no more than leaving it out, unless the default is something else.
            if (property.AssociatedParameter is { HasDefaultValue: true, DefaultValue: null }) property.ShouldSerialize = static (_, value) => value is not null;
            if (property.Name == "total_steps" && info.Type != typeof(OneCycleLR)) property.Name = "total_iters";
            else if (Renamed.TryGetValue(property.Name, out string? name)) property.Name = name;
        }
    }

    private sealed class AnnealingText : JsonConverter<Annealing>
    {
        public override Annealing Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString() switch
        {
            "cos" => Annealing.Cosine,
            "linear" => Annealing.Linear,
            var other => throw new JsonException($"anneal_strategy was '{other}', expected cos or linear"),
        };

        public override void Write(Utf8JsonWriter writer, Annealing value, JsonSerializerOptions options) => writer.WriteStringValue(value == Annealing.Cosine ? "cos" : "linear");
    }

    private sealed class SizePair : JsonConverter<Size2d>
    {
        public override Size2d Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<Sizes>(ref reader, options) switch
            {
                { Values: [var both] } => both,
                { Values: [var height, var width] } => (height, width),
                _ => throw new JsonException("is no size, expected a number or [height, width]"),
            };

        public override void Write(Utf8JsonWriter writer, Size2d value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, new Sizes(value.Height == value.Width ? [value.Height] : [value.Height, value.Width]), options);
    }

    private sealed class SizeList : JsonConverter<Sizes>
    {
        public override Sizes Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            new(reader.TokenType == JsonTokenType.Number ? [reader.GetInt32()] : JsonSerializer.Deserialize<int[]>(ref reader, options)!);

        public override void Write(Utf8JsonWriter writer, Sizes value, JsonSerializerOptions options)
        {
            if (value.Values is [var one]) writer.WriteNumberValue(one);
            else JsonSerializer.Serialize(writer, value.Values, options);
        }
    }
}

/// <summary>Writes a part of a job as a job file does, inside of a job's own JSON.</summary>
/// <typeparam name="T">The part.</typeparam>
internal sealed class AsInJobFile<T> : JsonConverter<T>
{
    public override T? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonSerializer.Deserialize<T>(ref reader, JobFileJson.Options);

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value, JobFileJson.Options);
}
