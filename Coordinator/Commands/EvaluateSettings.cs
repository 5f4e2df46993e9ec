using DistTrain.Coordinator.Runs;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary>What <c>evaluate</c> and <c>predict</c> are asked for.</summary>
internal sealed record EvaluateOptions
{
    /// <summary>The model, and the data to measure it on.</summary>
    public ModelOptionsGiven Trained { get; init; } = new();

    /// <summary>Which part of the data.</summary>
    public string? Part { get; init; }

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
        if (Numerics is not null) JobRun.UseNumerics(new JobOptions { Numerics = Numerics });
        var saved = Trained.Open(Console.Error.WriteLine);
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
        var loss = Trained.Loss is null && saved.Own is { } own ? own.Loss : Weighted(saved, NamedLosses.For(Trained.Loss ?? saved.Job.Loss, saved.Data), note).Create();
        var split = new DataSplit(data.Name, data, data) { Encoding = saved.Data.Table };
        var job = new TrainingJob { Model = () => saved.Model, Data = split, Loss = loss, Metrics = Metrics.Count > 0 ? [.. Metrics] : saved.Own?.Metrics ?? saved.Job.Metrics };
        var plan = MetricPlan.Of(job);
        // The data at hand may lack the last classes.
        return (loss, plan.Task == MetricTask.MultiClass ? plan with { Outputs = saved.Data.Classes, Names = saved.Data.ClassNames ?? [] } : plan);
    }

    private Training.Files.LossOptions Weighted(SavedModel saved, Training.Files.LossOptions loss, Action<string> note)
    {
        if (saved.Job.ClassWeights is not { } text) return loss;
        try
        {
            return ClassWeights.Apply(text, loss, saved.Data, saved.TrainedOn(Trained.DataRoot).Train);
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
    /// <summary>The rows.</summary>
    public static readonly IReadOnlyList<Setting<EvaluateOptions>> Rows =
    [
        .. ModelSettings.WithData<EvaluateOptions>(options => options.Trained, (options, trained) => options with { Trained = trained }),
        new("part", "<part>", Group, "Splits the data as for training and takes this part: test or train. Default: all of a table or text that --data names, else test.", (options, given) => options with { Part = given.OneOf(SavedData.Parts) }),
        new("numerics", "<level>", Group, $"Instruction set to compute with: {string.Join(", ", JobOptions.NumericsLevels)}. Default: that of training, where this machine has it.", (options, given) => options with { Numerics = given.OneOf(JobOptions.NumericsLevels) }) { IsInAppSettings = false },
    ];

    private const string Group = "Model and data";

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
