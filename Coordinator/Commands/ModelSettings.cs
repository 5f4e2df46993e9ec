using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>Which trained model a command uses.</summary>
internal sealed record ModelOptionsGiven
{
    /// <summary>A checkpoint, a run's folder or weights.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The model, for weights that do not say it.</summary>
    public string? Model { get; init; }

    /// <summary>The data it was trained on, for weights that do not say it.</summary>
    public string? Data { get; init; }

    /// <summary>Opens the model.</summary>
    /// <exception cref="UserErrorException">None was named, or it cannot be opened.</exception>
    public SavedModel Open()
    {
        if (Checkpoint is null) throw new UserErrorException("--checkpoint is missing: a checkpoint, a run's folder or its weights.safetensors");
        if (Model is null != Data is null) throw new UserErrorException($"{(Model is null ? "--data" : "--model")} needs {(Model is null ? "--model" : "--data")}: together they say what weights of other origin belong to");
        return SavedModel.Open(Checkpoint, Model is null ? null : new JobOptions { Model = Model, Data = Data! });
    }
}

/// <summary>The settings of a trained model, for every command that uses one.</summary>
internal static class ModelSettings
{
    private const string Group = "Model";

    private static readonly IReadOnlyList<Setting<ModelOptionsGiven>> Rows =
    [
        new("checkpoint", "<path>", Group, "The trained model: a checkpoint, a run's folder, its weights.safetensors, or a safetensors file of other origin.", (options, given) => options with { Checkpoint = given.NotEmpty("a file or folder") }),
        new("model", "<name>", Group, $"For weights of other origin: the model that they are of, {string.Join(", ", JobDefaults.Models)}.", (options, given) => options with { Model = given.OneOf(JobDefaults.Models) }) { IsInAppSettings = false },
        new("data", "<data>", Group, "For weights of other origin: the data that the model was trained on, for its shapes and vocabulary.", (options, given) => options with { Data = given.NotEmpty(DataSources.Usage) }) { IsInAppSettings = false },
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, ModelOptionsGiven> get, Func<T, ModelOptionsGiven, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
