using DistTrain.Coordinator.Checkpoints;
using DistTrain.Nn.Files;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Commands;

/// <summary>Where a run starts: afresh, from given weights, or from a checkpoint; and where it saves itself.</summary>
internal sealed class RunStart
{
    private readonly CheckpointOptions options;
    private readonly CheckpointFolder? folder;
    private readonly string? file;

    private RunStart(CheckpointOptions options, CheckpointFolder? folder, string? file, JobOptions? saved) =>
        (this.options, this.folder, this.file, Saved) = (options, folder, file, saved);

    /// <summary>The job that goes on; null for one that starts.</summary>
    public JobOptions? Saved { get; }

    /// <summary>Looks at the folder of checkpoints.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="note">Told of checkpoints that are passed over.</param>
    /// <exception cref="UserErrorException">Options do not go together, or the folder does not have what they ask for.</exception>
    public static RunStart Find(CheckpointOptions options, Action<string> note)
    {
        if (options.Folder is null)
        {
            if (options.Resume) throw new UserErrorException("--resume needs --checkpoint-dir: the folder to go on from");
            if (options.Every is not null) throw new UserErrorException("--checkpoint-every needs --checkpoint-dir: the folder to save to");
            return new RunStart(options, null, null, null);
        }
        if (options.Resume && options.InitialWeights is not null) throw new UserErrorException("--init-weights does not go with --resume: a checkpoint has weights of its own");
        var folder = new CheckpointFolder(options.Folder, options.Keep);
        if (!options.Resume)
        {
            if (folder.Files() is [var newest, ..]) throw new UserErrorException($"--checkpoint-dir {options.Folder}: holds {Path.GetFileName(newest)} of an earlier run; go on with --resume, or give another folder");
            return new RunStart(options, folder, null, null);
        }
        foreach (string candidate in folder.Files())
        {
            try
            {
                return new RunStart(options, folder, candidate, JobJson.Parse(CheckpointFile.ReadJob(candidate)));
            }
            catch (UserErrorException error)
            {
                note($"passed over: {error.Message}");
            }
        }
        throw new UserErrorException($"--resume: {options.Folder} holds no checkpoint that is whole");
    }

    /// <summary>Options whose job goes on: what was not given is as it was, and what was given must be, as far as it decides the result.</summary>
    /// <exception cref="UserErrorException">It is another job.</exception>
    public T Resumed<T>(T options, Func<T, JobOptions> get, Func<T, JobOptions, T> with)
    {
        var asked = get(options);
        if (asked.Numerics == "auto") asked = asked with { Numerics = Saved!.Numerics };
        if (JobJson.Difference(Saved!, asked) is var (name, was, now))
            throw new UserErrorException($"--{name} was {now}, expected {was}: --resume goes on with the job of {file}, of which only epochs and max-steps may change");
        return with(options, asked);
    }

    /// <summary>Gives a job its start.</summary>
    /// <exception cref="UserErrorException">The checkpoint or the weights are of another model, or the data is another.</exception>
    public ClusterJob Begin(ClusterJob job, TrainingJob training)
    {
        if (options.InitialWeights is { } weights) return job with { Weights = Read(weights, job.Layout) };
        if (file is null) return job;
        var checkpoint = CheckpointFile.Read(file, job.Layout);
        string data = training.Data.Fingerprint;
        if (checkpoint.DataFingerprint != data) throw new UserErrorException($"{file}: the checkpoint is of other data: fingerprint {Short(checkpoint.DataFingerprint)}, {training.Data.Name} has {Short(data)}");
        var names = checkpoint.OptimizerState.Select(state => state.Name).ToHashSet();
        var expected = job.ServerRule.StateNames;
        if (!names.SetEquals(expected)) throw new UserErrorException($"{file}: the optimizer's state is {string.Join(", ", names)}, expected {string.Join(", ", expected)}");
        return job with
        {
            Weights = checkpoint.Weights,
            State = [.. expected.Select(name => checkpoint.OptimizerState.First(state => state.Name == name).Values)],
            StartStep = checkpoint.Step,
            Notes = checkpoint.Notes,
            Residuals = ResidualState.FromExtra(checkpoint.Extra),
            BestWeights = checkpoint.Extra.FirstOrDefault(extra => extra.Name == Checkpoint.BestWeights).Values is { } best && best.Length == job.Layout.Length ? best : null,
        };
    }

    /// <summary>How the run saves itself; null for not at all.</summary>
    /// <param name="resolved">The job with nothing left to defaults that depend on machines.</param>
    /// <param name="training">The job.</param>
    public CheckpointPlan? Plan(JobOptions resolved, TrainingJob training) => folder is null ? null : new CheckpointPlan
    {
        Folder = folder,
        Every = options.Every ?? 100,
        Job = JobJson.Of(resolved),
        Numerics = resolved.Numerics,
        DataFingerprint = training.Data.Fingerprint,
        DataCard = Data.DataCard.Of(training.Data).ToJson(),
    };

    private static string Short(string fingerprint) => fingerprint.Length == 0 ? "none" : fingerprint[..Math.Min(12, fingerprint.Length)];

    private static FloatBuffer Read(string path, ParameterLayout layout)
    {
        if (!File.Exists(path)) throw new UserErrorException($"--init-weights {path}: no such file");
        using var weights = SafeTensorsFile.Open(path);
        var buffer = new FloatBuffer(layout.Length);
        LayoutEntry[] entries = [.. layout.Parameters, .. layout.Buffers];
        StateDictFile.Read(weights, [.. entries.Select(entry => (entry.Name, (IReadOnlyList<int>)entry.Shape))], (i, values) => values.CopyTo(buffer.Slice(entries[i].Offset, entries[i].Length)));
        return buffer;
    }
}
