using System.CommandLine;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Commands;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>What the command <c>local</c> comes to with the same arguments, in this process, which is warm: what runs of processes are compared with.</summary>
internal static class LocalRun
{
    /// <summary>Runs the job that arguments of <c>local</c> ask for; those of output are passed over.</summary>
    /// <param name="arguments">The arguments, without the command.</param>
    /// <param name="workers">Workers, where the arguments do not say.</param>
    public static async Task<(string? Weights, string? State, double TrainLoss, double TestLoss)> ResultAsync(string arguments, int workers = 2)
    {
        var command = new Command("local");
        var options = new SettingOptions<LocalOptions>(command, LocalCommand.Settings, "");
        var parsed = command.Parse(arguments);
        Assert.Empty(parsed.Errors);
        var given = options.Bind(parsed, new LocalOptions());
        Assert.True(given.Job is { Numerics: "auto", Shards: not null } && given.JobFile is null && given.Checkpoints == new LocalOptions().Checkpoints, $"{arguments}: what depends on machines and files is for the command itself");
        var job = JobBuilder.Build(given.Job, 1);
        await using var cluster = new LocalCluster(ClusterJob.From(job, given.Job), given.Cluster with { Workers = given.Workers ?? Math.Min(workers, job.Shards) });
        var result = await cluster.RunAsync().WaitAsync(TimeSpan.FromMinutes(5));
        var totals = Assert.IsType<RunEvent.Finished>(result.Last).Totals;
        return (result.WeightsSha256, result.StateSha256, totals.TrainLoss, totals.TestLoss ?? double.NaN);
    }
}
