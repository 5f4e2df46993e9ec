using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>What <c>evaluate</c> and <c>predict</c> are asked for.</summary>
internal sealed record EvaluateOptions
{
    /// <summary>A checkpoint, a run's folder or weights.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The data; null for what the model was trained on.</summary>
    public string? Data { get; init; }

    /// <summary>Which part of it.</summary>
    public string? Part { get; init; }

    /// <summary>The model, for weights that do not say it.</summary>
    public string? Model { get; init; }

    /// <summary>The loss; null for the job's.</summary>
    public Training.Files.LossOptions? Loss { get; init; }

    /// <summary>What is measured; empty for the job's.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = [];

    /// <summary>The numerics level; null for the job's, where this machine has it.</summary>
    public string? Numerics { get; init; }

    /// <summary>Whether the result is printed as JSON.</summary>
    public bool Json { get; init; }

    /// <summary>Where predictions go; null for stdout.</summary>
    public string? Out { get; init; }

    /// <summary>Opens the model, with the numerics level that it was trained with where this machine has it.</summary>
    /// <exception cref="UserErrorException">None was named, or it cannot be opened.</exception>
    public SavedModel Open()
    {
        if (Checkpoint is null) throw new UserErrorException("--checkpoint is missing: a checkpoint, a run's folder, or weights as safetensors");
        if (Model is not null && Data is null) throw new UserErrorException("--model needs --data: together they say what the weights belong to");
        if (Numerics is not null) JobRun.UseNumerics(new JobOptions { Numerics = Numerics });
        var saved = SavedModel.Open(Checkpoint, Model is null ? null : new JobOptions { Model = Model, Data = Data!, Loss = Loss });
        if (Numerics is null && Simd.Numerics.TryParse(saved.Job.Numerics, out var level) && Simd.Numerics.IsSupported(level)) Simd.Numerics.Use(level);
        return saved;
    }

    /// <summary>The job as a loss and metrics on this data.</summary>
    /// <param name="saved">The model.</param>
    /// <param name="data">The data.</param>
    /// <param name="note">Told what is left out.</param>
    /// <exception cref="UserErrorException">The loss or a metric is not one for the data.</exception>
    public (Loss Loss, MetricPlan Metrics) Measures(SavedModel saved, IDataset data, Action<string> note)
    {
        var loss = Weighted(saved, NamedLosses.For(Loss ?? saved.Job.Loss, saved.Data), note).Create();
        var split = new DataSplit(data.Name, data, data) { Encoding = saved.Data.Table };
        var job = new TrainingJob { Model = () => saved.Model, Data = split, Loss = loss, Metrics = Metrics.Count > 0 ? [.. Metrics] : saved.Job.Metrics };
        var plan = MetricPlan.Of(job);
        // The data at hand may lack the last classes.
        return (loss, plan.Task == MetricTask.MultiClass ? plan with { Outputs = saved.Data.Classes, Names = saved.Data.ClassNames ?? [] } : plan);
    }

    private static Training.Files.LossOptions Weighted(SavedModel saved, Training.Files.LossOptions loss, Action<string> note)
    {
        if (saved.Job.ClassWeights is not { } text) return loss;
        try
        {
            return ClassWeights.Apply(text, loss, saved.Data, DataSources.Open(saved.Job.Data).Train);
        }
        catch (UserErrorException error)
        {
            note($"the loss is without the class weights of training: {error.Message}");
            return loss;
        }
    }
}

/// <summary>The settings that <c>evaluate</c> and <c>predict</c> share.</summary>
internal static class EvaluateSettings
{
    private const string Group = "Model and data";

    /// <summary>The rows.</summary>
    public static readonly IReadOnlyList<Setting<EvaluateOptions>> Rows =
    [
        new("checkpoint", "<path>", Group, "The trained model: a checkpoint, a run's folder, its weights.safetensors or best.safetensors, or weights of other origin with --model.", (options, given) => options with { Checkpoint = given.NotEmpty("a file or folder") }),
        new("data", "<data>", Group, $"The data: {DataSources.Usage}. Tables and text are read as they were in training. Default: the data of training.", (options, given) => options with { Data = given.NotEmpty(DataSources.Usage) }) { IsInAppSettings = false },
        new("part", "<part>", Group, "Splits the data as for training and takes this part: test or train. Default: all of a table or text that --data names, else test.", (options, given) => options with { Part = given.OneOf(SavedData.Parts) }),
        new("model", "<name>", Group, $"For weights that do not say what they belong to: {string.Join(", ", JobDefaults.Models)}.", (options, given) => options with { Model = given.OneOf(JobDefaults.Models) }) { IsInAppSettings = false },
        new("loss", "<name>", Group, $"The loss, where it is not that of training: {string.Join(", ", NamedLosses.Names)}.", (options, given) => options with { Loss = JobParts.Loss(new JobOptions(), given).Loss }) { IsInAppSettings = false },
        new("numerics", "<level>", Group, $"Instruction set to compute with: {string.Join(", ", JobOptions.NumericsLevels)}. Default: that of training, where this machine has it.", (options, given) => options with { Numerics = given.OneOf(JobOptions.NumericsLevels) }) { IsInAppSettings = false },
    ];

    /// <summary>Shows how far it is, on a terminal, once that takes longer than a moment.</summary>
    public static Action<int>? Progress(int samples)
    {
        if (Console.IsErrorRedirected) return null;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var shown = TimeSpan.FromSeconds(1);
        return done =>
        {
            if (clock.Elapsed < shown && done < samples) return;
            if (done == samples && shown.TotalSeconds == 1) return;
            shown = clock.Elapsed + TimeSpan.FromMilliseconds(200);
            Console.Error.Write(done == samples ? "\r\e[K" : $"\r{100L * done / samples,3} % of {Output.TextLines.Count(samples)} samples");
        };
    }
}
