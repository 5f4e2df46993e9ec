using System.Globalization;
using System.Runtime.InteropServices;
using DistTrain.Nn.Files;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>
/// A checkpoint as a file: safetensors, so that other tools can open it too. Parameters and buffers stand under their state-dict names, optimizer state under
/// <c>optimizer.&lt;state&gt;.&lt;parameter&gt;</c>, the rest under <c>extra.</c>; numbers and names are in the metadata; a SHA-256 over everything ends it.
/// </summary>
public static class CheckpointFile
{
    /// <summary>The entry of the metadata that holds the job.</summary>
    internal const string JobKey = "job";

    private const string Format = "disttrain-checkpoint-1";
    private const string OptimizerPrefix = "optimizer.";
    private const string ExtraPrefix = "extra.";
    private const string NotePrefix = "note.";

    /// <summary>Writes a checkpoint under a path, atomically: the file is complete or not there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="checkpoint">What it holds.</param>
    /// <param name="layout">Where parameters and buffers stand.</param>
    /// <param name="place">Runs the last, short act, which puts the complete file under its name; null runs it.</param>
    /// <exception cref="IOException">The disk is full or cannot be written to.</exception>
    public static void Write(string path, Checkpoint checkpoint, ParameterLayout layout, Action<Action>? place = null)
    {
        var writer = new SafeTensorsWriter(checksum: true);
        var about = writer.Metadata;
        about["format"] = Format;
        about["step"] = checkpoint.Step.ToString(CultureInfo.InvariantCulture);
        about["term"] = checkpoint.Term.ToString(CultureInfo.InvariantCulture);
        about["shards"] = checkpoint.Shards.ToString(CultureInfo.InvariantCulture);
        about["numerics"] = checkpoint.Numerics;
        about["layout"] = checkpoint.LayoutHash;
        about["data"] = checkpoint.DataFingerprint;
        about[JobKey] = checkpoint.Job;
        if (checkpoint.DataCard is { } card) about[Runs.SavedModel.DataCardKey] = card;
        foreach (var (name, value) in checkpoint.Notes) about[NotePrefix + name] = value;
        foreach (var entry in layout.Parameters.Concat(layout.Buffers)) writer.Add(entry.Name, entry.Shape.AsSpan(), Part(checkpoint.Weights, entry));
        foreach (var (name, values) in checkpoint.OptimizerState)
            foreach (var entry in layout.Parameters)
                writer.Add($"{OptimizerPrefix}{name}.{entry.Name}", entry.Shape.AsSpan(), Part(values, entry));
        foreach (var (name, values) in checkpoint.Extra) writer.Add(ExtraPrefix + name, [values.Length], values.Memory);
        writer.Save(path, place);
    }

    /// <summary>The newest term that a checkpoint of a folder is of; 0 where there is none that can be read.</summary>
    internal static long NewestTerm(string folder)
    {
        long newest = 0;
        foreach (string path in CheckpointFolder.FilesIn(folder))
        {
            try
            {
                using var file = SafeTensorsFile.Open(path);
                if (file.Metadata.TryGetValue("term", out string? term) && long.TryParse(term, NumberStyles.None, CultureInfo.InvariantCulture, out long number)) newest = Math.Max(newest, number);
            }
            catch (Exception error) when (error is UserErrorException or IOException or UnauthorizedAccessException)
            {
                // Passed over by who goes on from here, and told of there.
            }
        }
        return newest;
    }

    /// <summary>Reads a checkpoint and checks all of it: format, checksum, layout.</summary>
    /// <exception cref="UserErrorException">It is damaged, foreign, or of another model: the message names the file and says what is wrong.</exception>
    public static Checkpoint Read(string path, ParameterLayout layout)
    {
        using var file = Open(path);
        string found = Note(file, "layout");
        if (found != layout.Hash) throw new UserErrorException($"{path}: the checkpoint is of another model: layout {Short(found)}, expected {Short(layout.Hash)}");
        return Read(file, layout, found);
    }

    /// <summary>Reads the job of a checkpoint, and checks that the file is whole.</summary>
    /// <exception cref="UserErrorException">It is damaged or foreign: the message names the file and says what is wrong.</exception>
    public static string ReadJob(string path)
    {
        using var file = Open(path);
        return Note(file, JobKey);
    }

    /// <summary>Checks that a file is a whole checkpoint of a step and a layout.</summary>
    /// <exception cref="UserErrorException">It is not: the message names the file and says what is wrong.</exception>
    internal static void Check(string path, long step, string layoutHash)
    {
        using var file = Open(path);
        if (Number(file, "step") is var found && found != step) throw new UserErrorException($"{path}: the checkpoint is of step {found}, expected {step}");
        if (Note(file, "layout") is var layout && layout != layoutHash) throw new UserErrorException($"{path}: the checkpoint is of another model: layout {Short(layout)}, expected {Short(layoutHash)}");
    }

    /// <summary>Whether a safetensors file is a checkpoint, whole or not.</summary>
    internal static bool IsCheckpoint(SafeTensorsFile file) => file.Metadata.GetValueOrDefault("format") == Format;

    private static SafeTensorsFile Open(string path)
    {
        var file = SafeTensorsFile.Open(path);
        try
        {
            Verify(file, path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void Verify(SafeTensorsFile file, string path)
    {
        if (!file.Metadata.TryGetValue("format", out string? format) || format != Format)
            throw new UserErrorException($"{path}: not a checkpoint: its format is {format ?? "not given"}, expected {Format}");
        file.VerifyChecksum();
    }

    private static Checkpoint Read(SafeTensorsFile file, ParameterLayout layout, string found)
    {
        return new Checkpoint
        {
            Step = Number(file, "step"),
            Term = Number(file, "term"),
            Shards = checked((int)Number(file, "shards")),
            Numerics = Note(file, "numerics"),
            LayoutHash = found,
            DataFingerprint = Note(file, "data"),
            Job = Note(file, JobKey),
            DataCard = file.Metadata.GetValueOrDefault(Runs.SavedModel.DataCardKey),
            Weights = Laid(file, "", layout, layout.Parameters.Concat(layout.Buffers)),
            OptimizerState = [.. StateNames(file, layout).Select(name => (name, Laid(file, $"{OptimizerPrefix}{name}.", layout, layout.Parameters)))],
            Extra = [.. file.Entries.Keys.Where(n => n.StartsWith(ExtraPrefix, StringComparison.Ordinal)).Select(n => (n[ExtraPrefix.Length..], Whole(file, n)))],
            Notes = file.Metadata.Where(m => m.Key.StartsWith(NotePrefix, StringComparison.Ordinal)).ToDictionary(m => m.Key[NotePrefix.Length..], m => m.Value),
        };
    }

    private static ReadOnlyMemory<float> Part(FloatBuffer buffer, LayoutEntry entry) => buffer.Memory.Slice(entry.Offset, entry.Length);

    private static IEnumerable<string> StateNames(SafeTensorsFile file, ParameterLayout layout)
    {
        if (layout.Parameters.IsEmpty) return [];
        string suffix = "." + layout.Parameters[0].Name;
        return file.Entries.Values.OrderBy(e => e.Offset).Select(e => e.Name).Where(n => n.StartsWith(OptimizerPrefix, StringComparison.Ordinal) && n.EndsWith(suffix, StringComparison.Ordinal)).Select(n => n[OptimizerPrefix.Length..^suffix.Length]);
    }

    private static FloatBuffer Laid(SafeTensorsFile file, string prefix, ParameterLayout layout, IEnumerable<LayoutEntry> entries)
    {
        var buffer = new FloatBuffer(layout.Length);
        foreach (var entry in entries) file.ReadInto(prefix + entry.Name, MemoryMarshal.AsBytes(buffer.Slice(entry.Offset, entry.Length)));
        return buffer;
    }

    private static FloatBuffer Whole(SafeTensorsFile file, string name)
    {
        var buffer = new FloatBuffer(checked((int)file.Entries[name].Numel));
        file.ReadInto(name, MemoryMarshal.AsBytes(buffer.Span));
        return buffer;
    }

    private static string Note(SafeTensorsFile file, string name) => file.Metadata.TryGetValue(name, out string? value)
        ? value
        : throw new UserErrorException($"{file.Path}: the checkpoint's {name} is missing");

    private static long Number(SafeTensorsFile file, string name) => long.TryParse(Note(file, name), NumberStyles.None, CultureInfo.InvariantCulture, out long value)
        ? value
        : throw new UserErrorException($"{file.Path}: the checkpoint's {name} is '{Note(file, name)}', expected a number");

    private static string Short(string hash) => hash.Length > 12 ? hash[..12] : hash;
}
