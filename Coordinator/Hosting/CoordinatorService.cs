using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Commands;
using DistTrain.Coordinator.Recovery;
using DistTrain.Coordinator.Serving;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Worker.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator.Hosting;

/// <summary>A coordinator's node as a service of an application.</summary>
internal sealed class CoordinatorService(DistTrainCoordinatorOptions options, DistTrainRun run, IHostApplicationLifetime lifetime, ILogger<CoordinatorService> logger)
    : NodeService("coordinator", options, lifetime, logger)
{
    /// <inheritdoc/>
    protected override async Task<bool> LiveAsync(CancellationToken stop)
    {
        try
        {
            if (options is { Standby: true, CheckpointFolder: null }) throw new UserErrorException("AddDistTrainCoordinator: Standby needs CheckpointFolder, which both coordinators share");
            // On a thread of its own: it waits for as long as the other one lives, and renewals of leases come from the pool.
            using var reign = options.CheckpointFolder is { } folder
                ? await Task.Factory.StartNew(() => Reign.Take(folder, options.Network.Detection, options.Standby, Note, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false)
                : null;
            if (options.Standby && reign is null)
            {
                Note("the job is over");
                run.NotNeeded();
            }
            else
            {
                run.Ended(await CoordinateAsync(reign, stop).ConfigureAwait(false));
            }
            return true;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop while it stood by.
            run.NotNeeded();
            return false;
        }
        catch (Exception error)
        {
            run.Failed(error);
            throw;
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        // An application may stop before its services have begun.
        if (ExecuteTask is not { IsCompleted: false }) run.NotNeeded();
    }

    private async Task<RunResult> CoordinateAsync(Reign? reign, CancellationToken stop)
    {
        bool saved = options.CheckpointFolder is { } folder && new CheckpointFolder(folder).Files().Count > 0;
        var checkpoints = new CheckpointOptions { Folder = options.CheckpointFolder, Every = reign is null ? null : options.CheckpointEvery, Keep = options.KeepCheckpoints, Resume = saved };
        var start = RunStart.Find(checkpoints, Note);
        var asked = options.Job(start.Saved ?? (options.Code is { } code ? CodeOptions.Of(code) : new JobOptions()));
        if (start.Saved is not null) asked = start.Resumed(asked, job => job, (_, job) => job);
        JobRun.UseNumerics(asked);
        var job = JobBuilder.Build(asked, options.MinWorkers, options.Code);
        var resolved = asked.Resolved(job);
        var settings = options.Cluster with { Workers = options.MinWorkers };
        if (start.Plan(resolved, job) is { } plan) settings = settings with { Checkpoints = plan with { Fence = reign!.TryFenced } };
        var serve = new ServeOptions { Job = asked, MinWorkers = options.MinWorkers, Network = options.Network, Checkpoints = checkpoints };
        var runner = new ServeRunner(serve, settings, reign, job, resolved, Note, _ => { });
        using var cluster = runner.Open(start.Begin(ClusterJob.From(job, asked), job), serve);
        Note($"listening on {cluster.Host}:{cluster.Port}");
        run.Listens(cluster.Port);
        return await runner.RunAsync(
            cluster,
            happened =>
            {
                if (happened is RunEvent.Noted noted) Note(noted.Text);
                options.Observer(happened);
            },
            stop).ConfigureAwait(false);
    }
}
