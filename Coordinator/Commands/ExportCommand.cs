using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Nn.Files;
using DistTrain.Nn.Models;
using DistTrain.Nn.Onnx;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>export</c>: writes a trained model for other programs.</summary>
internal static class ExportCommand
{
    private const string Group = "Export";
    private const string Summary = "Writes a trained model for other programs: as safetensors with the names of PyTorch's state dict, or as ONNX, which ONNX Runtime and many others run.";

    private static readonly IReadOnlyList<Setting<Asked>> Settings =
    [
        .. ModelSettings.For<Asked>(asked => asked.Model, (asked, model) => asked with { Model = model }),
        new("format", "<format>", Group, "safetensors or onnx. Default: what --out ends in.", (asked, given) => asked with { Format = given.OneOf(Formats) }),
        new("out", "<file>", Group, "The file to write.", (asked, given) => asked with { Out = given.NotEmpty("a file") }),
        new("output", "<format>", "Output", "text or json. Default: text.", (asked, given) => asked with { Json = given.OneOf(["text", "json"]) == "json" }),
    ];

    private static string[] Formats => ["safetensors", "onnx"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("export", "Writes a trained model as safetensors or ONNX.");
        var options = new SettingOptions<Asked>(command, Settings, Summary);
        command.SetAction((parsed, _) => Task.FromResult(Run(options.Bind(parsed, new Asked()))));
        return command;
    }

    private static int Run(Asked asked)
    {
        string path = asked.Out ?? throw new UserErrorException("--out is missing: the file to write");
        string format = asked.Format ?? Formats.FirstOrDefault(name => path.EndsWith("." + name, StringComparison.OrdinalIgnoreCase)) ?? throw new UserErrorException($"--format is missing, and --out {path} ends in neither .{string.Join(" nor .", Formats)}");
        if (Directory.Exists(path)) throw new UserErrorException($"--out was '{path}', a folder, expected a file");
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder)) throw new UserErrorException($"--out was '{path}', but there is no folder {folder}");
        var saved = asked.Model.OpenAlone();
        try
        {
            if (format == "onnx") SaveOnnx(path, saved);
            else SafeTensors.Save(path, saved.Model, About(saved).Append(new("format", "pt")).ToDictionary(), everyName: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"error: {path} cannot be written: {CommandRunner.OneLine(error.Message)}");
            return ExitCode.Failed;
        }
        long bytes = new FileInfo(path).Length, parameters = saved.Model.Parameters().Sum(parameter => (long)parameter.Numel);
        if (asked.Json) Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object> { ["event"] = "finished", ["path"] = path, ["format"] = format, ["parameters"] = parameters, ["bytes"] = bytes }));
        else Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {saved.Job.Model}, {parameters:N0} parameters, {bytes:N0} bytes"));
        return ExitCode.Done;
    }

    private static void SaveOnnx(string path, SavedModel saved)
    {
        bool isTokens = saved.Data.InputType == ElementType.Int64;
        // A language model takes sequences of any length up to its context.
        bool isOpen = saved.Model is ILanguageModel && !OnnxExport.NeedsSizes(saved.Model);
        OnnxExport.Save(path, saved.Model, isTokens ? DType.Int64 : DType.Float32, [OnnxValue.Dynamic, .. saved.Data.InputShape.Select(size => isOpen ? OnnxValue.Dynamic : size)], About(saved));
    }

    /// <summary>What the file says of its origin, so that this program can take it again and others know classes and vocabulary.</summary>
    private static Dictionary<string, string> About(SavedModel saved)
    {
        var about = new Dictionary<string, string> { ["model"] = saved.Job.Model, [SavedModel.OptionsKey] = JobJson.Of(saved.Job), [SavedModel.DataCardKey] = saved.Data.ToJson() };
        if (saved.Step is { } step) about["step"] = step.ToString(CultureInfo.InvariantCulture);
        return about;
    }

    private sealed record Asked
    {
        public ModelOptionsGiven Model { get; init; } = new();

        public string? Format { get; init; }

        public string? Out { get; init; }

        public bool Json { get; init; }
    }
}
