using DistTrain.Coordinator.Checkpoints;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Training;
using DistTrain.Training.Code;

namespace DistTrain.Coordinator.Runs;

/// <summary>
/// A trained model as <c>evaluate</c>, <c>predict</c>, <c>generate</c> and <c>export</c> take it: out of a checkpoint, a run's folder or its weights, or weights of other origin with the job that they belong to.
/// The model is in evaluation mode.
/// </summary>
/// <param name="File">The file that the weights came from.</param>
/// <param name="Model">The model with weights and buffers, in evaluation mode.</param>
/// <param name="Job">The job that it was trained by.</param>
/// <param name="Data">What is known of the data that it was trained on.</param>
/// <param name="Step">Steps it was trained for; null where the file does not say.</param>
internal sealed record SavedModel(string File, Module Model, JobOptions Job, DataCard Data, long? Step)
{
    /// <summary>The entry of a weights file that holds the job.</summary>
    public const string OptionsKey = "options";

    /// <summary>The entry of a checkpoint or weights file that holds the <see cref="DataCard"/>.</summary>
    public const string DataCardKey = "data_card";

    /// <summary>What a weights file says of the job that made it.</summary>
    public static Dictionary<string, string> Describe(TrainingJob job, string numerics)
    {
        var about = new Dictionary<string, string> { [DataCardKey] = DataCard.Of(job.Data).ToJson() };
        if (job.Options is { } options) about[OptionsKey] = JobJson.Of(options.Resolved(job) with { Numerics = numerics });
        return about;
    }

    /// <summary>The job in C# that it was trained by; null for one of names and numbers.</summary>
    public TrainingJob? Own { get; init; }

    /// <summary>The loss that it was trained by.</summary>
    /// <exception cref="UserErrorException">It does not go with the data.</exception>
    public Loss Loss => Own?.Loss ?? NamedLosses.For(Job.Loss, Data).Create();

    /// <summary>Opens the data that it was trained on.</summary>
    /// <param name="root">The folder that relative paths are taken from; null for the current one.</param>
    /// <exception cref="UserErrorException">The data cannot be had.</exception>
    public DataSplit TrainedOn(string? root)
    {
        try
        {
            return Own?.Data ?? DataSources.Open(Job.Data, root);
        }
        catch (UserErrorException error)
        {
            throw new UserErrorException($"{error.Message}; {File} was trained on {Job.Data}: name other data with --data, or the folder that relative paths are taken from with --data-root", error);
        }
    }

    /// <summary>Opens a model of names and numbers.</summary>
    /// <param name="path">A checkpoint, a folder with weights or checkpoints (the weights win, then the newest whole checkpoint), or any safetensors file.</param>
    /// <param name="asked">The job that weights of other origin belong to, for its model and data; null where the user named none.</param>
    /// <param name="root">The folder that relative paths of that data are taken from; null for the current one.</param>
    /// <exception cref="UserErrorException">There is no such model, or it is damaged: the message names the file and what to do.</exception>
    public static SavedModel Open(string path, JobOptions? asked = null, string? root = null)
    {
        using var tensors = Tensors(path, out string file);
        var job = asked ?? SavedJob(tensors) ?? throw new UserErrorException($"{file}: does not say which model it holds; name it with --model and --data, or with --job");
        if (job.Code is { } code) throw new UserErrorException($"{file}: holds the model of a job in C#, which is not in the file: give --job {code.Assembly}.dll:{code.Type}");
        var card = Card(tensors, asked is null) ?? DataCard.Of(DataSources.Open(job.Data, root));
        var model = JobBuilder.Model(job, card)();
        StateDictFile.ReadInto(tensors, model);
        return new SavedModel(file, model.Eval(), job, card, StepOf(tensors));
    }

    /// <summary>Opens a model that C# makes.</summary>
    /// <param name="path">As for a model of names and numbers.</param>
    /// <param name="code">The job that trained it.</param>
    /// <param name="note">Told that the code may be another than the one that trained it.</param>
    /// <exception cref="UserErrorException">There is no such model, it is damaged, or it is another job's.</exception>
    public static SavedModel Open(string path, JobCode code, Action<string> note)
    {
        using var tensors = Tensors(path, out string file);
        var saved = SavedJob(tensors);
        if (saved is { Code: null }) throw new UserErrorException($"{file}: holds a model of a job that is not C#, {saved.Model} on {saved.Data}: leave --job out");
        if (saved?.Code is { } by)
        {
            if (by.Type != code.Reference.Type) throw new UserErrorException($"{file}: holds the model of {by.Type} of {by.Assembly}.dll, --job names {code.Reference.Type}");
            if (by.Fingerprint != code.Reference.Fingerprint) note($"note: {code.Source} is another build than the one that trained {file}: what it computes may be something else");
        }
        var job = code.Job;
        var model = job.BuildModel();
        StateDictFile.ReadInto(tensors, model);
        return new SavedModel(file, model.Eval(), saved ?? CodeOptions.Of(code), Card(tensors, isOwn: true) ?? DataCard.Of(job.Data), StepOf(tensors)) { Own = job };
    }

    private static SafeTensorsFile Tensors(string path, out string file)
    {
        file = Directory.Exists(path) ? InFolder(path) : path;
        var tensors = SafeTensorsFile.Open(file);
        try
        {
            if (CheckpointFile.IsCheckpoint(tensors)) tensors.VerifyChecksum();
            return tensors;
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    private static long? StepOf(SafeTensorsFile tensors) => tensors.Metadata.TryGetValue("step", out string? step) && long.TryParse(step, out long steps) ? steps : null;

    private static JobOptions? SavedJob(SafeTensorsFile tensors) =>
        tensors.Metadata.TryGetValue(CheckpointFile.IsCheckpoint(tensors) ? CheckpointFile.JobKey : OptionsKey, out string? json) ? JobJson.Parse(json) : null;

    private static DataCard? Card(SafeTensorsFile tensors, bool isOwn) => isOwn && tensors.Metadata.TryGetValue(DataCardKey, out string? json) ? DataCard.Parse(json) : null;

    private static string InFolder(string folder)
    {
        string weights = Path.Combine(folder, RunFolder.WeightsFile);
        if (System.IO.File.Exists(weights)) return weights;
        UserErrorException? refused = null;
        foreach (string file in CheckpointFolder.FilesIn(folder))
        {
            try
            {
                CheckpointFile.ReadJob(file);
                return file;
            }
            catch (UserErrorException error)
            {
                refused ??= error;
            }
        }
        throw refused ?? new UserErrorException($"{folder}: holds neither {RunFolder.WeightsFile} nor a checkpoint");
    }
}
