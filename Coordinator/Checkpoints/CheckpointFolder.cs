using System.Globalization;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>The checkpoints of a run: one file per step, the newest few kept, a damaged one passed over.</summary>
public sealed class CheckpointFolder
{
    private const string Prefix = "checkpoint-";
    private const string Suffix = ".safetensors";
    private readonly int keep;

    /// <summary>Uses a folder, made where it is not there.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="keep">How many checkpoints stay, 1 or more.</param>
    /// <exception cref="UserErrorException">The folder cannot be made, or keep is less than 1.</exception>
    public CheckpointFolder(string path, int keep = 3)
    {
        if (keep < 1) throw new UserErrorException($"--keep was {keep}, expected 1 or more");
        this.keep = keep;
        Path = path;
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--checkpoint-dir {path}: cannot be made: {error.Message}", error);
        }
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Where the checkpoint of a step stands.</summary>
    public string FileOf(long step) => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D10}{Suffix}"));

    /// <summary>The step of a checkpoint's file, by its name; null for one that is not named as this class does.</summary>
    public static long? StepOf(string file)
    {
        string name = System.IO.Path.GetFileName(file);
        bool isNamed = name.Length > Prefix.Length + Suffix.Length && name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal);
        return isNamed && long.TryParse(name.AsSpan(Prefix.Length..^Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
    }

    /// <summary>The checkpoints, newest first.</summary>
    public IReadOnlyList<string> Files() => FilesIn(Path);

    /// <summary>The checkpoints of a folder, newest first. A file that somebody named alike, such as <c>checkpoint-best.safetensors</c>, is none of them.</summary>
    public static IReadOnlyList<string> FilesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder, $"{Prefix}*{Suffix}").Where(file => StepOf(file) is not null).OrderByDescending(file => StepOf(file)).ThenByDescending(file => file, StringComparer.Ordinal)];

    /// <summary>Writes a checkpoint and drops the oldest beyond those to keep; the new one is on disk before an old one goes.</summary>
    /// <param name="checkpoint">What to save.</param>
    /// <param name="layout">Where parameters and buffers stand.</param>
    /// <param name="fence">Runs what changes the folder, if this process still may, and says whether it did; the long writing beside it is outside. Null where nobody else shares the folder.</param>
    /// <returns>The file.</returns>
    /// <exception cref="IOException">The disk is full or cannot be written to, or the folder is another's now; the earlier checkpoints are untouched.</exception>
    public string Save(Checkpoint checkpoint, ParameterLayout layout, Func<Action, bool>? fence = null)
    {
        string file = FileOf(checkpoint.Step);
        void Fenced(Action act)
        {
            if (fence is null) act();
            else if (!fence(act)) throw new IOException("another coordinator has taken over");
        }
        CheckpointFile.Write(file, checkpoint, layout, Fenced);
        // Taking them out of the way is short; deleting large files may not be, and the lease waits for what is fenced.
        List<string> old = [];
        Fenced(() => old = SetOldAside());
        foreach (string gone in old) File.Delete(gone);
        foreach (string left in Directory.EnumerateFiles(Path, $"{Prefix}*.tmp").Where(IsStale)) File.Delete(left);
        return file;
    }

    /// <summary>Where the bytes of a checkpoint that arrives from elsewhere are collected, until <see cref="Adopt"/>.</summary>
    public string ArrivalOf(long step) => $"{FileOf(step)}.{Environment.ProcessId}.tmp";

    /// <summary>Takes in a checkpoint that has arrived, as <see cref="Save"/> does one of its own: it is checked, put under its name, and the oldest beyond those to keep go.</summary>
    /// <param name="step">Its step.</param>
    /// <param name="layoutHash">The hash of the layout that it must have.</param>
    /// <returns>The file.</returns>
    /// <exception cref="UserErrorException">What arrived is damaged, cut or foreign.</exception>
    /// <exception cref="IOException">The disk cannot be written to.</exception>
    public string Adopt(long step, string layoutHash)
    {
        string arrival = ArrivalOf(step), file = FileOf(step);
        CheckpointFile.Check(arrival, step, layoutHash);
        Nn.Files.AtomicFile.Place(arrival, file);
        foreach (string gone in SetOldAside()) File.Delete(gone);
        return file;
    }

    /// <summary>
    /// Reads the newest checkpoint that is whole and of this model; those passed over are told to <paramref name="refused"/>, by name and with the reason.
    /// </summary>
    /// <returns>Null when there is none.</returns>
    public Checkpoint? LoadLatest(ParameterLayout layout, Action<string> refused)
    {
        foreach (string file in Files())
        {
            try
            {
                return CheckpointFile.Read(file, layout);
            }
            catch (UserErrorException error)
            {
                refused(error.Message);
            }
        }
        return null;
    }

    /// <summary>Renames those beyond the number to keep to temporary files, which are deleted later should this process end here.</summary>
    private List<string> SetOldAside()
    {
        var aside = new List<string>();
        foreach (string old in Files().Skip(keep))
        {
            aside.Add($"{old}.{Environment.ProcessId}.tmp");
            File.Move(old, aside[^1], overwrite: true);
        }
        return aside;
    }

    /// <summary>A temporary file of a process that was ended while it wrote.</summary>
    private static bool IsStale(string file) => DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > TimeSpan.FromMinutes(10);
}
