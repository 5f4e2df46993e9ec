using DistTrain.Nn.Files;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Training.Files;

namespace DistTrain.Coordinator.Runs;

/// <summary>The folder that a run's results go to.</summary>
internal sealed class RunFolder
{
    /// <summary>The name of the file that weights are saved in.</summary>
    public const string WeightsFile = "weights.safetensors";

    private RunFolder(string path) => Path = path;

    /// <summary>The folder, as the user gave it or relative to the current one.</summary>
    public string Path { get; }

    /// <summary>The file that weights are saved in.</summary>
    public string Weights => System.IO.Path.Combine(Path, WeightsFile);

    /// <summary>A file in the folder.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The file that the best epoch's weights are saved in.</summary>
    public string Best => System.IO.Path.Combine(Path, "best.safetensors");

    /// <summary>Makes the folder, before anything is computed in vain.</summary>
    /// <param name="asked">The folder to use; null for <c>runs/&lt;time&gt;-&lt;job&gt;</c>.</param>
    /// <param name="job">The job's name.</param>
    /// <param name="now">The time to name it by.</param>
    /// <exception cref="UserErrorException">It cannot be made or written to.</exception>
    public static RunFolder Create(string? asked, string job, DateTime now)
    {
        var path = asked ?? Unused(System.IO.Path.Combine("runs", $"{now:yyyyMMdd-HHmmss}-{Plain(job)}"));
        try
        {
            Directory.CreateDirectory(path);
            var probe = System.IO.Path.Combine(path, $".probe-{Environment.ProcessId}");
            System.IO.File.WriteAllBytes(probe, []);
            System.IO.File.Delete(probe);
            return new RunFolder(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UserErrorException($"--run-dir was '{path}', expected a folder that can be written to: {error.Message}", error);
        }
    }

    /// <summary>Saves weights and buffers as safetensors under PyTorch's names; until the file is complete, an older one stays.</summary>
    /// <param name="file">The file: <see cref="Weights"/> or <see cref="Best"/>.</param>
    /// <param name="layout">Where parameters stand in the weights.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="metadata">What else the file says.</param>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public static void Save(string file, ParameterLayout layout, FloatBuffer weights, IReadOnlyDictionary<string, string> metadata)
    {
        var writer = new SafeTensorsWriter();
        foreach (var (key, value) in metadata) writer.Metadata[key] = value;
        foreach (var entry in layout.Parameters.AddRange(layout.Buffers)) writer.Add(entry.Name, entry.Shape.AsSpan(), weights.Slice(entry.Offset, entry.Length).ToArray());
        writer.Save(file);
    }

    /// <summary>Saves the job as it is run, before it begins: a job file that runs it again, with nothing left to defaults that depend on machines.</summary>
    /// <param name="job">The job.</param>
    /// <param name="numerics">The numerics level that it is run at.</param>
    /// <param name="code">The C# that made it; null for none.</param>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public void SaveJob(TrainingJob job, string numerics, JobCode? code)
    {
        if (job.Options is not { } options) return;
        System.IO.File.WriteAllText(File("job.json"), JobFileText.Of(options.Resolved(job) with { Numerics = numerics }, code?.Source));
    }

    /// <summary>Data may be named after a file of any name.</summary>
    private static string Plain(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-'));

    private static string Unused(string path)
    {
        var unused = path;
        for (int i = 2; Directory.Exists(unused); i++) unused = $"{path}-{i}";
        return unused;
    }
}
