using DistTrain.Coordinator;
using DistTrain.Examples.SpamFilter;
using DistTrain.Tests.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Training;

namespace DistTrain.Tests.Examples;

/// <summary>The examples' jobs run in every way that the docs name, to the same bits.</summary>
public sealed class ExampleJobTests : IDisposable
{
    private static readonly string Root = ReadmeTests.FindRoot();

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_spam_filter_has_the_same_bits_alone_on_clusters_and_as_an_assembly()
    {
        var job = new SpamFilterJob().Create();
        using var trainer = new Trainer(job);
        EpochSummary? last = null;
        trainer.Run(epoch => last = epoch);
        Assert.InRange(last!.Test!.Accuracy!.Value, 0.93, 1);
        await using var cluster = new LocalCluster(ClusterJob.From(job), new ClusterOptions { Workers = 2 });
        Assert.Equal(trainer.WeightsSha256, (await cluster.RunAsync()).WeightsSha256);

        string assembly = Assembly();
        var local = CommandProcess.RunInAsync(folder.Folder, $"local --job {assembly}:DistTrain.Examples.SpamFilter.SpamFilterJob --output json --run-dir local");
        using var serve = new CommandProcess(folder.Folder, $"serve --job {assembly}:SpamFilterJob --min-workers 2 --port 0 --output json --run-dir served");
        string port = (await serve.LineAsync("listening on ")).Split(':')[^1].Split(',')[0];
        // Another copy of the file is the same code.
        string copy = Assembly("worker");
        using var first = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{port} --job-assembly {copy}");
        using var second = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{port} --job-assembly {copy}");
        foreach (var result in new[] { await local, await serve.EndAsync() })
        {
            var finished = result.Last("finished");
            Assert.Equal((trainer.WeightsSha256, trainer.StateSha256), (finished.GetProperty("weights_sha256").GetString(), finished.GetProperty("state_sha256").GetString()));
        }
        foreach (var worker in new[] { first, second }) Assert.Equal(0, (await worker.EndAsync()).ExitCode);

        // The run as it was, and what it trained, by the same assembly.
        CommandResult[] results = await Task.WhenAll(((string[])
        [
            "local --job local/job.json --output json --run-dir again", $"evaluate --checkpoint local --job {assembly} --output json", $"predict --checkpoint local/best.safetensors --job {assembly}:SpamFilterJob",
            $"export --checkpoint local --job {assembly} --out model.onnx", "evaluate --checkpoint local",
        ]).Select(arguments => CommandProcess.RunInAsync(folder.Folder, arguments)));
        Assert.All(results[..4], result => Assert.True(result.ExitCode == 0, result.Errors));
        Assert.Equal(trainer.StateSha256, results[0].Last("finished").GetProperty("state_sha256").GetString());
        Assert.Equal((last.Test.Loss, 500), (results[1].Last("evaluated").GetProperty("loss").GetDouble(), results[1].Last("evaluated").GetProperty("samples").GetInt32()));
        Assert.Equal("row,class,p_1", results[2].Lines[0]);
        Assert.Equal(501, results[2].Lines.Count);
        Nn.OnnxRun.Same(Path.Combine(folder.Folder, "model.onnx"), "spam", DistTrain.Coordinator.Runs.SavedModel.Open(Path.Combine(folder.Folder, "local"), DistTrain.Training.Code.JobCode.Of<SpamFilterJob>(), Assert.Fail).Model, [-1, 40]);
        Assert.Equal(2, results[4].ExitCode);
        Assert.EndsWith("holds the model of a job in C#, which is not in the file: give --job DistTrain.Examples.dll:DistTrain.Examples.SpamFilter.SpamFilterJob", Assert.Single(results[4].ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_without_the_code_is_refused_and_both_sides_say_so()
    {
        using var serve = new CommandProcess(folder.Folder, $"serve --job {Assembly()} --port 0 --output json");
        string port = (await serve.LineAsync("listening on ")).Split(':')[^1].Split(',')[0];
        using var without = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{port}");
        var refused = await without.EndAsync();
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("or to a worker --job-assembly DistTrain.Examples.dll", refused.Errors, StringComparison.Ordinal);
        using var other = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{port} --job-assembly {typeof(ExampleJobTests).Assembly.Location}");
        Assert.Contains("has no type DistTrain.Examples.SpamFilter.SpamFilterJob", (await other.EndAsync()).Errors, StringComparison.Ordinal);
        Assert.Contains("cannot take part", await serve.LineAsync("cannot take part"), StringComparison.Ordinal);
        serve.Send(System.Runtime.InteropServices.PosixSignal.SIGTERM);
        await serve.EndAsync();
    }

    [Fact]
    public async Task A_job_in_CSharp_goes_on_from_a_checkpoint_where_its_code_is()
    {
        string job = $"--job {Assembly()} --output json --checkpoint-dir saved";
        Assert.Equal(0, (await CommandProcess.RunInAsync(folder.Folder, $"local {job} --epochs 1 --max-steps 30 --run-dir part")).ExitCode);
        var without = await CommandProcess.RunInAsync(folder.Folder, "local --resume --checkpoint-dir saved");
        Assert.Equal(2, without.ExitCode);
        Assert.Contains("give --job DistTrain.Examples.dll:DistTrain.Examples.SpamFilter.SpamFilterJob", Assert.Single(without.ErrorLines), StringComparison.Ordinal);
        var resumed = await CommandProcess.RunInAsync(folder.Folder, $"local {job} --resume --epochs 1 --max-steps 40 --run-dir rest");
        using var trainer = new Trainer(new SpamFilterJob().Create() with { Epochs = 1 });
        trainer.Run();
        Assert.Equal(trainer.StateSha256, resumed.Last("finished").GetProperty("state_sha256").GetString());
    }

    [Theory]
    [InlineData("Nowhere.dll:X", "Nowhere.dll: no such file")]
    [InlineData("DistTrain.Examples.dll:SpamFilter", "has no type SpamFilter; its jobs are DistTrain.Examples.SpamFilter.SpamFilterJob")]
    [InlineData("DistTrain.Examples.dll:SpamModel", "is no job")]
    [InlineData("DistTrain.Examples.dll --optimizer sgd", "--optimizer does not go with a job in C#")]
    public async Task A_wrong_job_in_an_assembly_is_one_line(string given, string expected)
    {
        Assembly();
        var result = await CommandProcess.RunInAsync(folder.Folder, $"local --job {given}");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("digits", 38314, "[10]")]
    [InlineData("houses", 289, "[1]")]
    [InlineData("text", null, null)]
    public async Task An_example_job_file_is_right_and_trains(string name, int? parameters, string? output)
    {
        string file = Path.Combine(Root, "Examples", "jobs", name + ".json");
        var check = await CommandProcess.RunInAsync(Root, $"check --job {file} --output json");
        Assert.Equal((0, ""), (check.ExitCode, check.Errors));
        var found = check.Last("checked");
        if (parameters is { } count) Assert.Equal(count, found.GetProperty("parameters").GetInt64());
        if (output is not null) Assert.Equal(output, found.GetProperty("layers")[found.GetProperty("layers").GetArrayLength() - 1].GetProperty("output").ToString());
        var trained = await CommandProcess.RunInAsync(Root, $"local --job {file} --max-steps 3 --warmup-steps 0 --output json --run-dir {folder.Folder}");
        Assert.Equal(0, trained.ExitCode);
        Assert.Equal(3, trained.Last("finished").GetProperty("steps").GetInt64());
    }

    [Fact]
    public async Task Check_prints_a_table_and_whether_bits_hold()
    {
        var result = await CommandProcess.RunInAsync(Root, "check --job Examples/jobs/houses.json --determinism");
        Assert.Equal(0, result.ExitCode);
        foreach (string text in (string[])["Linear(7, 32)", "[32]", "289", "memory", "network", "bits        the same in 3 steps, run twice with 1 worker and twice with 2, in 2 shards"])
            Assert.Contains(text, result.Output, StringComparison.Ordinal);
    }

    /// <summary>A folder with nothing but the assembly, as a user would have.</summary>
    private string Assembly(string inside = ".")
    {
        string path = Path.Combine(folder.Folder, inside, "DistTrain.Examples.dll");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(typeof(SpamFilterJob).Assembly.Location, path, overwrite: true);
        return path;
    }
}
