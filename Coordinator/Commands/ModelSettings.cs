using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>Which trained model a command uses.</summary>
internal sealed record ModelOptionsGiven
{
    /// <summary>A checkpoint, a run's folder or weights.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The job that trained it: a file, or C#; null where the weights say it.</summary>
    public string? Job { get; init; }

    /// <summary>The model, for weights that do not say it.</summary>
    public string? Model { get; init; }

    /// <summary>The data: what it was trained on, for weights that do not say it; for commands that measure, what they measure on.</summary>
    public string? Data { get; init; }

    /// <summary>The folder that relative paths of the data are taken from; null for the current one.</summary>
    public string? DataRoot { get; init; }

    /// <summary>The loss; null for the job's.</summary>
    public LossOptions? Loss { get; init; }

    /// <summary>Opens the model.</summary>
    /// <param name="note">Told what the user should know and is no error.</param>
    /// <exception cref="UserErrorException">None was named, or it cannot be opened.</exception>
    public SavedModel Open(Action<string> note)
    {
        if (Checkpoint is null) throw new UserErrorException("--checkpoint is missing: a checkpoint, a run's folder, or weights as safetensors");
        if (Model is not null && Job is not null) throw new UserErrorException("--model does not go with --job, which says what the model is");
        if (Model is not null && Data is null) throw new UserErrorException("--model needs --data: together they say what weights of other origin belong to");
        if (Job is not null)
        {
            var (job, code) = JobSource.Open(Job);
            try
            {
                return code is null ? SavedModel.Open(Checkpoint, job, DataRoot) : SavedModel.Open(Checkpoint, code, note);
            }
            catch (JobErrorException error) when (code is null)
            {
                throw JobFile.Located(error, Job);
            }
        }
        return SavedModel.Open(Checkpoint, Model is null ? null : new JobOptions { Model = Model, Data = Data!, Loss = Loss }, DataRoot);
    }
}

/// <summary>The settings of a trained model, for every command that uses one.</summary>
internal static class ModelSettings
{
    private static readonly IReadOnlyList<Setting<ModelOptionsGiven>> Rows =
    [
        new("checkpoint", "<path>", "", "The trained model: a checkpoint, a run's folder, its weights.safetensors or best.safetensors, or a safetensors file of other origin.", (options, given) => options with { Checkpoint = given.NotEmpty("a file or folder") }),
        new("job", "<file>", "", "The job that trained it, where the weights do not bring all of it along: for a job in C# its assembly, MyJobs.dll:MyJobs.SpamFilter; for weights of other origin a job file does, too.", (options, given) => options with { Job = given.NotEmpty("a file") }) { IsInAppSettings = false },
        new("model", "<name>", "", $"For weights of other origin: the model that they are of, {string.Join(", ", JobDefaults.Models)}.", (options, given) => options with { Model = given.OneOf(JobDefaults.Models) }) { IsInAppSettings = false },
    ];

    private static readonly Setting<ModelOptionsGiven> Origin =
        new("data", "<data>", "", "With --model: the data that it was trained on, for its shapes and vocabulary.", (options, given) => options with { Data = given.NotEmpty(DataSources.Usage) }) { IsInAppSettings = false };

    private static readonly IReadOnlyList<Setting<ModelOptionsGiven>> Measured =
    [
        new("data", "<data>", "", $"The data: {DataSources.Usage}. Tables and text are read as they were in training. Default: the data of training.", (options, given) => options with { Data = given.NotEmpty(DataSources.Usage) }) { IsInAppSettings = false },
        new("data-root", "<folder>", "", "The folder that relative paths of the data are taken from, also of the data of training. Default: the current one.", (options, given) => options with { DataRoot = given.NotEmpty("a folder") }),
        new("loss", "<name>", "", $"The loss, where it is not that of training: {string.Join(", ", NamedLosses.Names)}.", (options, given) => options with { Loss = JobParts.Loss(new JobOptions(), given).Loss }) { IsInAppSettings = false },
    ];

    /// <summary>The settings as a part of the options of a command that only takes the model.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, ModelOptionsGiven> get, Func<T, ModelOptionsGiven, T> with) =>
        Rows.Append(Origin).Select(row => row.Of(get, with) with { Group = "Model" });

    /// <summary>The settings as a part of the options of a command that measures the model on data.</summary>
    public static IEnumerable<Setting<T>> WithData<T>(Func<T, ModelOptionsGiven> get, Func<T, ModelOptionsGiven, T> with) =>
        Rows.Concat(Measured).Select(row => row.Of(get, with) with { Group = "Model and data" });

    /// <summary>Opens the model of a command that takes no other data.</summary>
    /// <exception cref="UserErrorException">None was named, data alone was, or the model cannot be opened.</exception>
    public static SavedModel OpenAlone(this ModelOptionsGiven options) => options is { Data: not null, Model: null }
        ? throw new UserErrorException("--data needs --model: together they say what weights of other origin belong to")
        : options.Open(Console.Error.WriteLine);
}
