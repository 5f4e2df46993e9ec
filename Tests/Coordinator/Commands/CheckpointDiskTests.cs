using System.Text.Json;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Checkpoints on a disk that fills up or cannot be written to: real file systems, mounted where only the command sees them.</summary>
public sealed class CheckpointDiskTests : IDisposable
{
    private const string Job = "local --data digits:203,40 --batch-size 20 --shards 4 --workers 2 --model cnn --output json --run-dir out --checkpoint-dir saved --checkpoint-every 20";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task A_disk_that_fills_up_warns_keeps_the_last_good_files_and_fails_the_run()
    {
        // A checkpoint has 2.8 MB (weights, momentum, best weights): two fit, and an old one goes only once a new one is there.
        var (exitCode, output, errors) = await Run($"mount -t tmpfs -o size=7m none saved && {{ {Command(Job)} --epochs 1000; code=$?; cp saved/*.safetensors kept/; exit $code; }}");
        AssertFailed(exitCode, output, errors, "No space left on device");
        var kept = Directory.GetFiles(Path.Combine(folder.Folder, "kept")).Select(Path.GetFileName).Order().ToList();
        Assert.Equal(["checkpoint-0000000020.safetensors", "checkpoint-0000000040.safetensors"], kept);
        var resumed = await CommandProcess.RunInAsync(folder.Folder, "local --resume --checkpoint-dir kept --max-steps 41 --output json --run-dir out");
        Assert.True(resumed.ExitCode == 0, resumed.Errors);
        Assert.Equal(41, resumed.Last("finished").GetProperty("steps").GetInt64());
    }

    [SkippableFact]
    public async Task A_disk_that_cannot_be_written_to_warns_and_fails_the_run()
    {
        var (exitCode, output, errors) = await Run($"mount -t tmpfs -o ro none saved && {Command(Job)} --epochs 1000");
        AssertFailed(exitCode, output, errors, "Read-only file system");
    }

    private static void AssertFailed(int exitCode, string output, IReadOnlyList<string> errors, string why)
    {
        Assert.True(exitCode == 1, output + string.Join('\n', errors));
        Assert.Equal(4, errors.Count);
        for (int i = 0; i < 3; i++)
        {
            Assert.StartsWith("warning: the checkpoint of step", errors[i], StringComparison.Ordinal);
            Assert.Contains($"{i + 1} in a row", errors[i], StringComparison.Ordinal);
            Assert.Contains(why, errors[i], StringComparison.Ordinal);
        }
        Assert.Contains("3 checkpoints in a row could not be written", errors[3], StringComparison.Ordinal);
        var last = JsonDocument.Parse(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement;
        Assert.Equal("failed", last.GetProperty("event").GetString());
    }

    private static string Command(string arguments) => OwnMounts.Coordinator(arguments);

    private async Task<(int ExitCode, string Output, IReadOnlyList<string> Errors)> Run(string script)
    {
        foreach (string name in new[] { "saved", "kept" }) Directory.CreateDirectory(Path.Combine(folder.Folder, name));
        return await OwnMounts.RunAsync(folder.Folder, script);
    }
}
