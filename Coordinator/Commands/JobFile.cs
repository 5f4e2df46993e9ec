using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Data;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>
/// A job in a file: every setting under its name in snake_case; model, data, loss, optimizer and schedule may be more than names. Its settings are a layer below the environment. All that is wrong is said at once.
/// </summary>
internal static class JobFile
{
    /// <summary>The property that names a job in C#.</summary>
    public const string CodeKey = JobFileText.Code;

    /// <summary>The setting that names the file.</summary>
    /// <param name="with">Keeps the name.</param>
    public static Setting<T> Setting<T>(Func<T, string, T> with) => new(
        SettingOptions<T>.JobSetting, "<file>", "Job", "A file with the job's settings, of which Coordinator schema tells; or a job in C#: MyJobs.dll:MyJobs.SpamFilter.", (options, given) => with(options, given.NotEmpty("a file")));

    /// <summary>Reads the file's settings.</summary>
    /// <param name="given">The file's name, as given.</param>
    /// <param name="settings">The command's settings; those of other commands are passed over.</param>
    /// <param name="defaults">Options to try values on.</param>
    /// <exception cref="UserErrorException">The file cannot be read.</exception>
    /// <exception cref="JobErrorException">Something in it is wrong: all of it is named.</exception>
    public static IReadOnlyDictionary<string, GivenText> Read<T>(GivenText given, IReadOnlyList<Setting<T>> settings, T defaults)
    {
        string path = given.NotEmpty("a file");
        if (JobSource.IsCode(path)) return new Dictionary<string, GivenText>();
        var document = Parse(given);
        List<JobProblem> problems = [.. SchemaCheck.Of(JobFileSchema.Create(), document).Select(found => At(path, found.Node, found.Message))];
        // Options of data are told apart by it.
        problems.AddRange((document["data"]?.Members ?? []).SelectMany(option => option.Value.Items.Append(option.Value)).Where(option => option.Kind == JsonTokenType.String && option.Text.Contains('&', StringComparison.Ordinal))
            .Select(option => At(path, option, $"was {option}, expected a text without '&'")));
        var layer = new Dictionary<string, GivenText>();
        foreach (var (name, value) in document.Members)
        {
            foreach (var (key, node, text) in Settings(name, value))
            {
                if (settings.FirstOrDefault(setting => setting.Key == key) is not { } setting || node.Kind == JsonTokenType.Null || layer.ContainsKey(setting.Name)) continue;
                var found = new GivenText(FormattableString.Invariant($"{path}:{node.Line}:{node.Column}: {node.Path}"), text);
                layer.Add(setting.Name, found);
                if (problems.Any(problem => problem.Path.StartsWith(node.Path, StringComparison.Ordinal))) continue;
                try
                {
                    setting.Set(defaults, found);
                }
                catch (UserErrorException error)
                {
                    string message = error.Message.StartsWith(found.Source, StringComparison.Ordinal) ? error.Message[found.Source.Length..].TrimStart(':', ' ') : error.Message;
                    problems.Add(At(path, node, message));
                }
            }
        }
        if (problems.Count > 0) throw new JobErrorException([.. problems.OrderBy(problem => problem.Line).ThenBy(problem => problem.Column)]);
        return layer;
    }

    /// <summary>Makes the job; what does not fit together is said with the file's lines.</summary>
    /// <param name="options">The job.</param>
    /// <param name="path">The file that it came from; null for none.</param>
    /// <param name="shards">Logical shards where the options say nothing.</param>
    /// <param name="code">The C# that makes the job, where it is one of C#.</param>
    /// <param name="dataRoot">The folder that relative paths of the data are taken from; null for the current one.</param>
    public static TrainingJob Build(JobOptions options, string? path, int shards, JobCode? code, string? dataRoot = null)
    {
        try
        {
            return JobBuilder.Build(options, shards, code, dataRoot);
        }
        catch (UserErrorException error) when (error is not JobErrorException && path is not null && !JobSource.IsCode(path))
        {
            throw new UserErrorException($"{path}: {error.Message}", error);
        }
        catch (JobErrorException error) when (path is not null && File.Exists(path))
        {
            throw Located(error, path);
        }
    }

    /// <summary>Problems of a job with the lines of its file.</summary>
    public static JobErrorException Located(JobErrorException error, string path)
    {
        var document = Parse(new GivenText("--job", path));
        return new JobErrorException([.. error.Problems.Select(problem => At(path, document.Nearest(problem.Path), problem.Message) with { Path = problem.Path })]);
    }

    /// <summary>The C# that a job file names; null for none.</summary>
    /// <param name="path">The file.</param>
    public static string? CodeIn(string path) => Parse(new GivenText("--job", path))[CodeKey] is { Kind: JsonTokenType.String, Text.Length: > 0 } named ? named.Text : null;

    private static SourceNode Parse(GivenText given)
    {
        try
        {
            var document = SourceNode.Parse(File.ReadAllBytes(given.Text));
            return document.Kind == JsonTokenType.StartObject ? document : throw new UserErrorException($"{given.Text}:1:1: the job was {document}, expected an object: {{ \"model\": \"mlp\", \"epochs\": 5 }}");
        }
        catch (JsonException error)
        {
            string what = error.Message.Split(" LineNumber:")[0].Split(" Path:")[0];
            throw new UserErrorException(FormattableString.Invariant($"{given.Text}:{error.LineNumber + 1}:{error.BytePositionInLine + 1}: is no JSON: {what}"), error);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"{given.Source} {given.Text}: no such file", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (Directory.Exists(given.Text)) throw new UserErrorException($"{given.Source} {given.Text} is a folder, expected a file", error);
            throw new UserErrorException($"{given.Source} {given.Text} cannot be read: {error.Message}", error);
        }
    }

    private static JobProblem At(string path, SourceNode node, string message) => new(node.Path.Length > 0 ? node.Path : "the job", message) { File = path, Line = node.Line, Column = node.Column };

    /// <summary>A property of the file as settings: the learning rate in an optimizer, and how a schedule counts, are settings of their own.</summary>
    private static IEnumerable<(string Key, SourceNode Node, string Text)> Settings(string name, SourceNode value)
    {
        bool thing = value.Kind == JsonTokenType.StartObject;
        if (thing && name == "optimizer" && value["lr"] is { } rate) yield return ("lr", rate, TextOf(rate));
        if (thing && name == "schedule" && value["by_epoch"] is { } byEpoch) yield return ("schedule_by_epoch", byEpoch, TextOf(byEpoch));
        if (thing && name == "data") yield return (name, value, DataText(value));
        else if (thing) yield return (name, value, Canonical(value, leaveOut: name == "optimizer" ? "lr" : "by_epoch"));
        else yield return (name, value, name == "model" && value.Kind == JsonTokenType.StartArray ? Canonical(value) : TextOf(value));
    }

    private static string TextOf(SourceNode node) => node.Kind switch
    {
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.StartArray => string.Join(',', node.Items.Select(TextOf)),
        // Settings read digits; 1e3 and 8.0 are whole numbers to JSON.
        JsonTokenType.Number when decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) && number == decimal.Truncate(number) => decimal.Truncate(number).ToString(CultureInfo.InvariantCulture),
        _ => node.Text,
    };

    /// <summary>A data object as <c>--data</c> is written.</summary>
    private static string DataText(SourceNode node)
    {
        var options = node.Members.Where(member => member.Name is not (JobFileJson.Type or "path")).Select(member => (Name: member.Name.Replace('_', '-'), Text: member.Value.Kind switch
        {
            JsonTokenType.True => "yes",
            JsonTokenType.False => "no",
            _ => TextOf(member.Value),
        })).ToList();
        return new DataSpec(node[JobFileJson.Type]?.Text.ToLowerInvariant() ?? "", node["path"]?.Text ?? "", options.DistinctBy(option => option.Name).ToDictionary(option => option.Name, option => option.Text)).ToString();
    }

    /// <summary>JSON in which the kinds of things are written as the library does.</summary>
    private static string Canonical(SourceNode node, string leaveOut = "")
    {
        var json = Unique(node);
        if (json is JsonObject thing) thing.Remove(leaveOut);
        Correct(json);
        return json!.ToJsonString();
    }

    /// <summary>The JSON without what is given twice, which is reported elsewhere.</summary>
    private static JsonNode? Unique(SourceNode node) => node.Kind switch
    {
        JsonTokenType.StartObject => new JsonObject(node.Members.DistinctBy(member => member.Name).Select(member => KeyValuePair.Create(member.Name, Unique(member.Value)))),
        JsonTokenType.StartArray => new JsonArray([.. node.Items.Select(Unique)]),
        _ => node.ToJson(),
    };

    private static void Correct(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            for (int i = 0; i < list.Count; i++)
            {
                if (list[i] is JsonValue name && name.TryGetValue(out string? text)) list[i] = JobFileJson.Spelled(text);
                else Correct(list[i]);
            }
        }
        if (node is not JsonObject thing) return;
        if (thing[JobFileJson.Type] is JsonValue type && type.TryGetValue(out string? kind)) thing[JobFileJson.Type] = JobFileJson.Spelled(kind);
        foreach (var (_, value) in thing.ToList()) Correct(value);
    }
}
