using DistTrain.Coordinator.Commands;
using DistTrain.Tests.Data;
using DistTrain.Training;
using DistTrain.Training.Files;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Jobs as run folders keep them: written as job files, and the same jobs when they are read.</summary>
public sealed class JobFileTextTests : IDisposable
{
    /// <summary>One of them is another value than the default, whatever the setting.</summary>
    private static readonly string[] Values = ["true", "3", "8", "0.25", "0.5,0.6", "cnn", "adamw", "digits:7", "ssp:1", "skip", "portable", "cosine", "bf16", "test_loss", "f1,accuracy", "balanced", "l1"];

    private readonly TempFolder folder = new();

    private static IReadOnlyList<Setting<JobOptions>> Settings { get; } = [.. JobSettings.For<JobOptions>(job => job, (_, job) => job)];

    public static TheoryData<string> Names => [.. Settings.Select(setting => setting.Name)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_setting_is_read_as_it_was_written(string name)
    {
        var setting = Settings.Single(setting => setting.Name == name);
        var job = Values.Select(value => Try(setting, value)).FirstOrDefault(job => job is not null && JobJson.Of(job) != JobJson.Of(new JobOptions()));
        Assert.True(job is not null, $"give this test a value that --{name} may have");
        Assert.Equal(JobJson.Of(job), JobJson.Of(Read(JobFileText.Of(job, null))));
    }

    [Theory]
    [InlineData("""{ "model": ["Flatten", { "type": "Conv2d", "out_channels": 3, "kernel_size": [3, 5] }, { "type": "BatchNorm1d", "momentum": null }, { "type": "Sequential", "layers": ["ReLU", { "type": "Linear", "bias": false }] }] }""")]
    [InlineData("""{ "optimizer": { "type": "AdamW", "lr": 0.002, "betas": [0.8, 0.99], "amsgrad": true } }""")]
    [InlineData("""{ "optimizer": { "type": "Rprop", "lr": 0.1 } }""")]
    [InlineData("""{ "optimizer": { "type": "SGD", "momentum": 0.5, "nesterov": true }, "momentum": 0.7 }""")]
    [InlineData("""{ "schedule": { "type": "SequentialLR", "milestones": [3], "schedules": [{ "type": "Warmup", "steps": 3 }, { "type": "OneCycleLR", "max_lr": 0.1, "total_steps": 9 }], "by_epoch": true } }""")]
    [InlineData("""{ "loss": { "type": "CrossEntropyLoss", "weight": [1, 2.5], "ignore_index": -100 }, "metrics": ["f1", "top-2"] }""")]
    [InlineData("""{ "data": { "type": "csv", "path": "a b.csv", "target": ["x", "y"], "standardize": false, "test": 0.25 }, "seed": 18446744073709551615 }""")]
    [InlineData("""{ "loss": "huber", "consistency": "local:16", "outer_lr": 0.5, "codec": "topk:0.01", "class_weights": "balanced", "name": "mine" }""")]
    public void What_is_more_than_a_name_is_read_as_it_was_written(string text)
    {
        var job = Read(text);
        string written = JobFileText.Of(job, null);
        Assert.Equal(JobJson.Of(job), JobJson.Of(Read(written)));
        Assert.Equal(written, JobFileText.Of(Read(written), null));
    }

    private JobOptions Read(string text)
    {
        string path = folder.Write($"{Guid.NewGuid():N}.json", text);
        return JobSource.Open(path).Job;
    }

    private static JobOptions? Try(Setting<JobOptions> setting, string value)
    {
        try
        {
            return setting.Set(new JobOptions(), new GivenText(setting.Option, value));
        }
        catch (UserErrorException)
        {
            return null;
        }
    }
}
