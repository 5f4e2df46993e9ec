using System.CommandLine;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Output;
using DistTrain.Coordinator.Recovery;
using DistTrain.Coordinator.Serving;
using DistTrain.Coordinator.Standby;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;
using DistTrain.Worker.Node;
using DistTrain.Worker.Operation;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>serve</c>: coordinates a job for workers in processes of their own.</summary>
internal static class ServeCommand
{
    private const string Summary = "Coordinates a job for workers that join over the network, from this machine or others; they may come, go and crash. The result is the one of local with the same shards.";

    /// <summary>Its settings.</summary>
    internal static readonly IReadOnlyList<Setting<ServeOptions>> Settings =
    [
        JobFile.Setting<ServeOptions>((options, file) => options with { JobFile = file }),
        .. JobSettings.For<ServeOptions>(options => options.Job, (options, job) => options with { Job = job }),
        new("min-workers", "<n>", "Batches and shards", "Workers to wait for before the first step; also the shards, where --shards is not given. Default: 1.", (options, given) => options with { MinWorkers = given.Int(1, 4096) }),
        new("data-root", "<folder>", "Job", "The folder that relative paths of --data are taken from; workers give their own. Default: the current one.", (options, given) => options with { DataRoot = given.NotEmpty("a folder") }),
        .. NetworkSettings.For<ServeOptions>(options => options.Network, (options, network) => options with { Network = network }),
        new("stable-after", "<seconds>", "Network", "How long a node may be unreachable before it is shut out and must begin anew; its work moves on before. Default: 10.", (options, given) => options with { StableAfter = TimeSpan.FromSeconds(given.Number(0, 3600)) }),
        .. OperationSettings.For<ServeOptions>(options => options.Operation, (options, operation) => options with { Operation = operation }),
        .. ClusterSettings.For<ServeOptions>(options => options.Cluster, (options, cluster) => options with { Cluster = cluster }),
        new("standby", "", "Checkpoints", "Waits until the coordinator that shares --checkpoint-dir, or that --join names, fails, then goes on from its last checkpoint. Workers name both: --coordinator a:4053,b:4053.", (options, given) => options with { Standby = given.Switch() }),
        new("join", "<host:port>", "Checkpoints", "With --standby and a --checkpoint-dir of its own: where the coordinator is that runs the job. Checkpoints come from there, and when it fails more than half of its workers must have come here.", (options, given) => options with { Join = given.NotEmpty("host:port") }),
        new("exact-recovery", "", "Checkpoints", "With --codec topk or powersgd, or --consistency local:<H>: where a crash loses a shard's state, goes back to the last checkpoint instead of going on from zero.", (options, given) => options with { Cluster = options.Cluster with { ExactRecovery = given.Switch() } }),
        .. CheckpointSettings.For<ServeOptions>(options => options.Checkpoints, (options, checkpoints) => options with { Checkpoints = checkpoints }),
        .. OutputSettings.For<ServeOptions>(options => options.Output, (options, output) => options with { Output = output }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("serve", "Coordinates a job for workers on other machines.");
        var options = new SettingOptions<ServeOptions>(command, Settings, Summary, given => JobFile.Read(given, Settings, new ServeOptions()));
        command.SetAction((parsed, _) => RunAsync(defaults => options.Bind(parsed, defaults)));
        return command;
    }

    private static async Task<int> RunAsync(Func<ServeOptions, ServeOptions> bind)
    {
        var (options, code) = JobSource.Bind(bind, new ServeOptions(), given => given.JobFile, (given, job) => given with { Job = job });
        if (options.Standby && options.Checkpoints.Folder is null) throw new UserErrorException("--standby needs --checkpoint-dir: the folder that both coordinators share or, with --join, one of its own");
        if (options.Join is not null && !options.Standby) throw new UserErrorException("--join needs --standby: who joins another coordinator stands by for it");
        using var log = new NodeLog(options.Operation.LogFormat, "DistTrain.Coordinator");
        var health = new NodeHealth();
        await using var endpoint = await HealthServer.StartAsync(options.Operation, options.Network, health, log.Note);
        if (options.Standby) health.Without("standing by");
        StandbyEnd.TakesOver? taken = null;
        if (options.Join is not null)
        {
            var (end, exit) = await StandByAsync(options, bind, code is not null, log.Note);
            if (exit is { } done) return done;
            taken = end as StandbyEnd.TakesOver;
        }
        using var reign = taken is not null ? TakeOver(taken) : options.Checkpoints.Folder is { } folder ? Reign.Take(folder, options.Network.Detection, options.Standby, log.Note) : null;
        if (options.Standby && reign is null)
        {
            log.Note("the job is over");
            return ExitCode.Done;
        }
        // The other coordinator may have failed before its first checkpoint.
        if (options.Standby && new CheckpointFolder(options.Checkpoints.Folder!).Files().Count > 0) options = options with { Checkpoints = options.Checkpoints with { Resume = true } };
        else if (taken is not null) options = bind(options with { Job = JobJson.Parse(taken.Offer.Options) });
        var start = RunStart.Find(options.Checkpoints, log.Note);
        if (start.Saved is { } saved) options = start.Resumed(bind(options with { Job = saved }), given => given.Job, (given, job) => given with { Job = job });
        // Where workers look for it, whatever --port was.
        if (taken is not null) options = options with { Network = options.Network with { Port = taken.Port } };
        var numerics = JobRun.UseNumerics(options.Job);
        var job = JobFile.Build(options.Job, options.JobFile, options.MinWorkers, code, options.DataRoot);
        var resolved = options.Job.Resolved(job);
        var settings = options.Cluster with { Workers = options.MinWorkers, Checkpoints = start.Plan(resolved, job) is { } plan ? plan with { Fence = reign!.TryFenced } : null };
        if (options.Network is { Insecure: true, Tls: (null, null, null) }) log.Note("warning: --insecure: the network has no TLS; whoever reaches it can take part and read");
        var begun = start.Begin(ClusterJob.From(job, options.Job), job);
        var events = new RunLog(log.Events, begun.StartStep, reign?.Term ?? 1);
        var runner = new ServeRunner(options, settings, reign, job, resolved, log.Note, opened => health.Within(opened.System, () => reign is null || (reign.IsFresh && reign.Standby.MayRule)));
        using var cluster = runner.Open(begun, options);
        log.Note($"listening on {cluster.Host}:{cluster.Port}, waiting for {TextLines.Plural(options.MinWorkers, "worker")}");
        var facts = new RunFacts(job.Name, options.Job.Model, options.Job.Data, job.Plan(), numerics, cluster.Port, MetricPlan.Of(job)).With(options.Job);
        return await JobRun.RunAsync(options.Output, job, facts, (tell, stop) => runner.RunAsync(
            cluster,
            happened =>
            {
                events.Tell(happened);
                // The starting workers may have settled it.
                if (happened is RunEvent.Started) facts.Numerics = Numerics.Name(Numerics.Level);
                tell(happened);
            },
            stop), log.Lines, start.Saved is not null, code);
    }

    /// <summary>Stands by for a coordinator elsewhere; the exit code, or null where this process goes on with the job, or with the lease of a folder that turned out to be shared.</summary>
    private static async Task<(StandbyEnd End, int? ExitCode)> StandByAsync(ServeOptions options, Func<ServeOptions, ServeOptions> bind, bool hasCode, Action<string> note)
    {
        if (options.Checkpoints.Resume) throw new UserErrorException("--resume does not go with --join: what there is to go on from comes from the coordinator that is joined");
        using var signals = new StopSignals(signal => note($"{signal}: stands by no longer"));
        using var node = new StandbyNode(options, Check, note);
        var end = await node.RunAsync(signals.Token);
        switch (end)
        {
            case StandbyEnd.JobOver:
                note("the job is over");
                return (end, ExitCode.Done);
            case StandbyEnd.Refused refused:
                note($"error: refused by the coordinator at {options.Join}: {refused.Reason}");
                return (end, ExitCode.Failed);
            case StandbyEnd.Unfit unfit: throw unfit.Error;
            case StandbyEnd.Stopped: return (end, signals.ExitWith ?? ExitCode.Done);
            default: return (end, null);
        }

        void Check(JobOptions job)
        {
            if (job.Code is not null && !hasCode) throw new UserErrorException($"--job is missing: the job of {options.Join} is made by C#, which is never sent; give its assembly here too");
            var asked = bind(options with { Job = job }).Job;
            if (asked.Numerics == "auto") asked = asked with { Numerics = job.Numerics };
            if (JobJson.Difference(job, asked) is var (name, was, now)) throw new UserErrorException($"--{name} was {now}, expected {was}, as at {options.Join}: leave it out");
        }
    }

    private static Reign TakeOver(StandbyEnd.TakesOver taken)
    {
        taken.Reign.TakeOver(taken.Offer.Line, taken.Term);
        return taken.Reign;
    }
}
