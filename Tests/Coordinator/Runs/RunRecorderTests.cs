using System.Diagnostics;
using System.Text.Json;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Commands;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Pictures;
using DistTrain.Coordinator.Runs;
using DistTrain.Tests.Data;
using DistTrain.Training;

namespace DistTrain.Tests.Coordinator.Runs;

/// <summary>What a run's folder gets when a disk, or the machine, does not do what is asked of it.</summary>
public sealed class RunRecorderTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly TrainingJob job = JobBuilder.Build(new JobOptions { Data = "digits:20,5" }, 1);
    private readonly List<string> notes = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_picture_that_cannot_be_drawn_when_the_run_is_over_is_told_of_and_ends_nothing()
    {
        using var recorder = Begin(out _, out _);
        for (int epoch = 0; epoch < 2; epoch++) recorder.Tell(Epoch(epoch), notes.Add);
        Directory.CreateDirectory(Path.Combine(folder.Folder, "learning-curve.svg"));
        recorder.Draw(notes.Add);
        string note = Assert.Single(notes);
        Assert.StartsWith($"warning: {folder.Folder}: no picture was drawn: ", note, StringComparison.Ordinal);
        Assert.EndsWith("; the figures are in the folder's .csv file", note, StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(Path.Combine(folder.Folder, "metrics.csv")).Length);
    }

    [Fact]
    public void Where_the_drawing_library_lacks_its_native_part_the_note_says_so()
    {
        var error = new TypeInitializationException("SkiaSharp.SKObject", new DllNotFoundException("Unable to load shared library 'libSkiaSharp' or one of its dependencies.\nTried this and that"));
        Assert.Equal("warning: run: no picture was drawn: this machine lacks SkiaSharp's native library or something that it needs; the figures are in the folder's .csv file", Picture.NotDrawn("run", error));
        Assert.Equal("warning: run: no picture was drawn: first second; the figures are in the folder's .csv file", Picture.NotDrawn("run", new InvalidOperationException("first\n second")));
    }

    [Fact]
    public void The_jobs_file_has_the_level_that_the_starting_workers_settled()
    {
        using var recorder = Begin(out var run, out var facts);
        Assert.Equal("avx512", Level());
        facts.Numerics = "avx2";
        recorder.Tell(new RunEvent.Started(1, 2, 1, 10, 100, 100), notes.Add);
        recorder.Draw(notes.Add);
        Assert.Equal("avx2", Level());
        Assert.Empty(notes);

        string? Level() => JsonDocument.Parse(File.ReadAllText(run.File("job.json"))).RootElement.GetProperty("numerics").GetString();
    }

    [SkippableFact]
    public void Whoever_tells_does_not_wait_for_a_disk_that_hangs()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "a named pipe stands for a disk that hangs");
        using var recorder = Begin(out var run, out _);
        string path = run.File("metrics.csv");
        using (var pipe = Process.Start("mkfifo", [path])) Assert.True(pipe.WaitForExit(TimeSpan.FromSeconds(30)) && pipe.ExitCode == 0);
        // Nobody reads: opening the pipe to write waits. Were the teller to write, it would not come back.
        var told = Task.Run(() => recorder.Tell(Epoch(0), notes.Add));
        Assert.True(told.Wait(TimeSpan.FromSeconds(30)));
        using var reader = new StreamReader(path);
        Assert.StartsWith("epoch,step,", reader.ReadLine(), StringComparison.Ordinal);
        Assert.StartsWith("1,", reader.ReadLine(), StringComparison.Ordinal);
    }

    private RunRecorder Begin(out RunFolder run, out RunFacts facts)
    {
        run = RunFolder.Create(folder.Folder, job.Name, DateTime.UnixEpoch);
        facts = new RunFacts(job.Name, "mlp", job.Data.Name, job.Plan(), "avx512", Metrics: MetricPlan.Of(job));
        return new RunRecorder(run, job, null, facts, new OutputOptions(), isResumed: false);
    }

    private static RunEvent.EpochDone Epoch(int epoch) => new(epoch, 1.0 / (epoch + 1), 0.5, 2.0 / (epoch + 1), 0.5, 1000);
}
