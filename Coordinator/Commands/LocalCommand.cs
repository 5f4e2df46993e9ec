using System.CommandLine;
using DistTrain.Coordinator.Output;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>local</c>: a whole cluster in this process trains a job.</summary>
internal static class LocalCommand
{
    private const string Summary = "Trains a job on a cluster in this process: a coordinator, a parameter server and one worker per core. Without options it trains a small network on digits that it draws by itself.";

    /// <summary>Its settings.</summary>
    internal static readonly IReadOnlyList<Setting<LocalOptions>> Settings =
    [
        JobFile.Setting<LocalOptions>((options, file) => options with { JobFile = file }),
        .. JobSettings.For<LocalOptions>(options => options.Job, (options, job) => options with { Job = job }),
        new("workers", "<n>", "Batches and shards", "Workers, each a thread that computes; no more than shards. Default: one per core, as far as there are shards.", (options, given) => options with { Workers = given.Int(1, 1024) }),
        new("threads-per-worker", "<n>", "Batches and shards", "Threads that share the matrix products and convolutions of one worker; the result is the same with any number. With several there are fewer workers by default, for as many shards. Default: 1.", (options, given) => options with { Cluster = options.Cluster with { ThreadsPerWorker = given.Int(1, 1024) } }),
        .. ClusterSettings.For<LocalOptions>(options => options.Cluster, (options, cluster) => options with { Cluster = cluster }),
        .. CheckpointSettings.For<LocalOptions>(options => options.Checkpoints, (options, checkpoints) => options with { Checkpoints = checkpoints }),
        .. OutputSettings.For<LocalOptions>(options => options.Output, (options, output) => options with { Output = output }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("local", "Trains a job on a cluster in this process.");
        var options = new SettingOptions<LocalOptions>(command, Settings, Summary, given => JobFile.Read(given, Settings, new LocalOptions()));
        command.SetAction((parsed, _) => RunAsync(defaults => options.Bind(parsed, defaults)));
        return command;
    }

    private static async Task<int> RunAsync(Func<LocalOptions, LocalOptions> bind)
    {
        var (options, code) = JobSource.Bind(bind, new LocalOptions(), given => given.JobFile, (given, job) => given with { Job = job });
        var start = RunStart.Find(options.Checkpoints, Console.Error.WriteLine);
        if (start.Saved is { } saved) options = start.Resumed(bind(options with { Job = saved }), given => given.Job, (given, job) => given with { Job = job });
        int shards = DefaultShards(options), workers = options.Workers ?? Math.Max(1, shards / options.Cluster.ThreadsPerWorker);
        var numerics = JobRun.UseNumerics(options.Job);
        var job = JobFile.Build(options.Job, options.JobFile, shards, code);
        var facts = new RunFacts(job.Name, options.Job.Model, options.Job.Data, job.Plan(), numerics, Metrics: MetricPlan.Of(job)).With(options.Job);
        return await JobRun.RunAsync(options.Output, job, facts, async (tell, stop) =>
        {
            var settings = options.Cluster with { Workers = workers, Checkpoints = start.Plan(options.Job.Resolved(job) with { Numerics = numerics }, job) };
            await using var cluster = new LocalCluster(start.Begin(ClusterJob.From(job, options.Job), job), settings, tell);
            return await cluster.RunAsync(stop);
        }, isResumed: start.Saved is not null, code: code);
    }

    /// <summary>One per worker or, where their number is not given, per core, but never one that has nothing to do. Threads per worker belong to the runner and change no default of the job.</summary>
    private static int DefaultShards(LocalOptions options)
    {
        if (options.Workers is not { } given) return Math.Min(Environment.ProcessorCount, options.Job.Shards ?? options.Job.BatchSize ?? JobDefaults.Of(options.Job.Model).BatchSize);
        if (options.Job.Shards < given) throw new UserErrorException($"--workers was {given}, expected at most the {options.Job.Shards} of --shards: there is no work for more");
        return given;
    }
}
