using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Commands;
using DistTrain.Tensors;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>What may change when a run goes on, tried with every setting of a job: how long it lasts, and nothing else.</summary>
public sealed class ResumeMatrixTests : IDisposable
{
    // One of them is another value, whatever the setting.
    private static readonly string[] Values = ["true", "3", "7", "0.25", "0.5,0.6", "cnn", "adamw", "digits:7", "ssp:1", "skip", "portable", "cosine", "bf16", "loss", "train_loss", "test_loss", "accuracy", "f1", "1,2", "balanced"];

    private static readonly string[] MayChange = ["epochs", "max-steps"];

    private static readonly JobOptions Saved = new() { Numerics = "avx2", Shards = 4 };

    private readonly TempFolder folder = new();

    public static TheoryData<string> Names => [.. JobSettings.For<JobOptions>(job => job, (_, job) => job).Select(setting => setting.Name)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_setting_of_the_job(string name)
    {
        var start = Start();
        var setting = JobSettings.For<JobOptions>(job => job, (_, job) => job).Single(setting => setting.Name == name);
        var other = Values.Concat(Words(setting)).Select(value => Try(setting, value)).FirstOrDefault(job => job is not null && JobJson.Of(job) != JobJson.Of(Saved));
        Assert.True(other is not null, $"give this test a value that --{name} may have");
        if (MayChange.Contains(name))
        {
            Assert.Equal(JobJson.Of(other), JobJson.Of(start.Resumed(other, job => job, (_, job) => job)));
            return;
        }
        var error = Assert.Throws<UserErrorException>(() => start.Resumed(other, job => job, (_, job) => job));
        Assert.Contains($"--{name} was ", error.Message, StringComparison.Ordinal);
        Assert.Contains("checkpoint-0000000005.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_of_the_job_is_free()
    {
        var given = new Dictionary<string, string>
        {
            ["workers"] = "3", ["servers"] = "2", ["bucket-bytes"] = "65536", ["speculate"] = "true", ["trace"] = "t.json",
            ["checkpoint-every"] = "7", ["keep"] = "9", ["output"] = "json", ["log-every"] = "2", ["run-dir"] = "elsewhere",
        };
        var options = SettingLayers.Bind(LocalCommand.Settings, new LocalOptions { Job = Saved }, given.ToDictionary(pair => pair.Key, pair => new GivenText("--" + pair.Key, pair.Value)));
        Assert.Equal(options, Start().Resumed(options, asked => asked.Job, (asked, job) => asked with { Job = job }));
    }

    private RunStart Start()
    {
        var layout = new ParameterLayout([("weight", [3])], []);
        new CheckpointFolder(folder.Folder).Save(
            new Checkpoint { Step = 5, Term = 1, Job = JobJson.Of(Saved), Shards = 4, Numerics = "avx2", LayoutHash = layout.Hash, DataFingerprint = "data", Weights = new FloatBuffer(layout.Length) }, layout);
        return RunStart.Find(new CheckpointOptions { Folder = folder.Folder, Resume = true }, Assert.Fail);
    }

    /// <summary>The words that a setting takes, as it says itself when it is given something else.</summary>
    private static string[] Words(Setting<JobOptions> setting)
    {
        var refused = Record.Exception(() => setting.Set(Saved, new GivenText(setting.Option, "?")));
        return refused?.Message.Split("one of ") is [_, var words] ? words.Split(", ") : [];
    }

    private static JobOptions? Try(Setting<JobOptions> setting, string value)
    {
        try
        {
            return setting.Set(Saved, new GivenText(setting.Option, value));
        }
        catch (UserErrorException)
        {
            return null;
        }
    }
}
