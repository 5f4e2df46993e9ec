using DistTrain.Coordinator.Checkpoints;
using DistTrain.Data;
using DistTrain.Nn;
using DistTrain.Nn.Files;
using DistTrain.Training;

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
        if (job.Options is { } options) about[OptionsKey] = JobJson.Of(options with { Shards = job.Shards, Numerics = numerics });
        return about;
    }

    /// <summary>Opens a model.</summary>
    /// <param name="path">A checkpoint, a folder with weights or checkpoints (the weights win, then the newest whole checkpoint), or any safetensors file.</param>
    /// <param name="asked">The job that weights of other origin belong to, for its model and data; null where the user named none.</param>
    /// <exception cref="UserErrorException">There is no such model, or it is damaged: the message names the file and what to do.</exception>
    public static SavedModel Open(string path, JobOptions? asked = null)
    {
        string file = Directory.Exists(path) ? InFolder(path) : path;
        using var tensors = SafeTensorsFile.Open(file);
        if (CheckpointFile.IsCheckpoint(tensors)) tensors.VerifyChecksum();
        var job = asked ?? SavedJob(tensors) ?? throw new UserErrorException($"{file}: does not say which model it holds; name it with --model and --data");
        var card = Card(tensors, asked is null) ?? DataCard.Of(DataSources.Open(job.Data));
        var model = JobBuilder.Model(job, card)();
        StateDictFile.ReadInto(tensors, model);
        return new SavedModel(file, model.Eval(), job, card, tensors.Metadata.TryGetValue("step", out string? step) && long.TryParse(step, out long steps) ? steps : null);
    }

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
