using System.Text.Json.Nodes;
using DistTrain.Coordinator.Commands;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>The schema of job files: what it says is what is checked.</summary>
public sealed class JobSchemaTests
{
    [Fact]
    public async Task The_schema_says_what_everything_is_and_refers_to_nothing_that_is_not_there()
    {
        var result = await CommandProcess.RunAsync("schema");
        Assert.Equal(0, result.ExitCode);
        var schema = JsonNode.Parse(result.Output)!.AsObject();
        var properties = schema["properties"]!.AsObject();
        Assert.All(LocalCommand.Settings.Where(setting => setting.Name is not ("job" or "resume")), setting => Assert.NotNull(properties[setting.Key]?["description"]));
        Assert.All(properties, property => Assert.NotEmpty($"{property.Value!["description"]}"));
        foreach (string name in (string[])["layer", "loss", "optimizer", "schedule"])
        {
            foreach (var branch in schema["$defs"]![name]!["anyOf"]!.AsArray().Skip(1))
            {
                Assert.NotNull(branch!["description"]);
                Assert.All(branch["properties"]!.AsObject().Skip(1), property => Assert.True(property.Value!["description"] is not null, $"{branch["title"]}.{property.Key} has no description"));
            }
        }
        Assert.All(References(schema), reference => Assert.NotNull(schema["$defs"]![reference.Replace("#/$defs/", "", StringComparison.Ordinal)]));
        Assert.Equal("""["number","null"]""", schema["$defs"]!["layer"]!["anyOf"]!.AsArray().First(branch => $"{branch!["title"]}" == "BatchNorm1d")!["properties"]!["momentum"]!["type"]!.ToJsonString());
    }

    [Fact]
    public void Every_layer_loss_optimizer_and_schedule_of_the_schema_can_be_read_with_its_defaults_only()
    {
        var schema = JobFileSchema.Create();
        foreach (var (name, read) in new (string, Func<string, object>)[]
                 {
                     ("layer", JobFileJson.Read<Layer>), ("loss", JobFileJson.Read<LossOptions>), ("optimizer", JobFileJson.Read<DistTrain.Optim.OptimizerOptions>), ("schedule", JobFileJson.Read<DistTrain.Optim.Schedule>),
                 })
        {
            foreach (var branch in schema["$defs"]![name]!["anyOf"]!.AsArray().Skip(1))
            {
                var thing = new JsonObject { ["type"] = $"{branch!["title"]}" };
                foreach (string needed in branch["required"]!.AsArray().Skip(1).Select(item => $"{item}")) thing[needed] = Sample(branch["properties"]![needed]!);
                Assert.NotNull(read(thing.ToJsonString()));
            }
        }
    }

    [Fact]
    public void What_a_setting_allows_stands_in_the_schema_as_its_check_says_it()
    {
        var properties = JobFileSchema.Create()["properties"]!;
        foreach (var (key, expected) in new Dictionary<string, string>
                 {
                     ["epochs"] = """{"type":"integer","minimum":1,"maximum":1000000}""", ["seed"] = """{"type":"integer","minimum":0}""", ["lr"] = """{"type":"number","minimum":0}""",
                     ["clip_norm"] = """{"type":"number","exclusiveMinimum":0}""", ["dropout"] = """{"type":"number","minimum":0,"exclusiveMaximum":1}""", ["drop_last"] = """{"type":"boolean"}""",
                     ["output"] = """{"enum":["text","json"]}""", ["channel"] = """{"enum":["auto","shm","tcp","akka"]}""", ["log_format"] = """{"enum":["text","json"]}""", ["on_nonfinite"] = """{"enum":["fail","skip"]}""",
                     ["numerics"] = """{"enum":["auto","avx512","avx2","portable"]}""", ["port"] = """{"type":"integer","minimum":0,"maximum":65535}""",
                     ["betas"] = """{"type":"array","items":{"type":"number","minimum":0,"exclusiveMaximum":1},"minItems":2,"maxItems":2}""",
                 })
        {
            var rule = properties[key]!.DeepClone().AsObject();
            rule.Remove("description");
            Assert.Equal(expected, rule.ToJsonString());
        }
        // Every number and every choice of words is checked by a rule that the schema shows.
        foreach (var setting in LocalCommand.Settings.Where(setting => setting.Value is "<n>" or "<x>" or "<seconds>" or "")) Assert.NotNull(ValueRule.Of(setting, new LocalOptions()));
        var data = JobFileSchema.Create()["$defs"]!["data"]!["anyOf"]!.AsArray().First(branch => $"{branch!["title"]}" == "csv")!["properties"]!;
        Assert.Equal("""["auto","classification","regression","binary"]""", data["task"]!["enum"]!.ToJsonString());
        Assert.Equal("0.9", data["test"]!["maximum"]!.ToJsonString());
        Assert.Equal((0.0, 1.0), (Argument("optimizer", "Adadelta", "rho")["minimum"]!.GetValue<double>(), Argument("optimizer", "Adadelta", "rho")["maximum"]!.GetValue<double>()));
        Assert.Equal(0, Argument("optimizer", "SGD", "weight_decay")["minimum"]!.GetValue<double>());
        Assert.Equal(1, Argument("schedule", "StepLR", "step_size")["minimum"]!.GetValue<double>());

        static JsonNode Argument(string family, string type, string name) => JobFileSchema.Create()["$defs"]![family]!["anyOf"]!.AsArray().First(branch => $"{branch!["title"]}" == type)!["properties"]![name]!;
    }

    private static JsonNode Sample(JsonNode rule) =>
        rule["anyOf"] is not null || $"{rule["type"]}" is "integer" or "number" ? 2
        : $"{rule["items"]?["$ref"]}" == "#/$defs/layer" ? new JsonArray("ReLU")
        : $"{rule["items"]?["$ref"]}" == "#/$defs/schedule" ? new JsonArray("ConstantLR")
        : new JsonArray(2);

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject thing => (thing["$ref"] is JsonValue reference ? [$"{reference}"] : Enumerable.Empty<string>()).Concat(thing.SelectMany(property => References(property.Value))),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
