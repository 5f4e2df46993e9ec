using DistTrain.Coordinator.Commands;
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
            var asked = options.Job(options.Code is { } code ? CodeOptions.Of(code) : new JobOptions());
            JobRun.UseNumerics(asked);
            var job = JobBuilder.Build(asked, options.MinWorkers, options.Code);
            var serve = new ServeOptions { Job = asked, MinWorkers = options.MinWorkers, Network = options.Network };
            using var cluster = new ServeCluster(ClusterJob.From(job, asked), serve, options.Cluster with { Workers = options.MinWorkers }, null, happened =>
            {
                if (happened is RunEvent.Noted noted) Note(noted.Text);
                options.Observer(happened);
            });
            Note($"listening on {cluster.Host}:{cluster.Port}");
            run.Listens(cluster.Port);
            run.Ended(await cluster.RunAsync(asked.Resolved(job), job.Data, stop).ConfigureAwait(false));
            return true;
        }
        catch (Exception error)
        {
            run.Failed(error);
            throw;
        }
    }
}
