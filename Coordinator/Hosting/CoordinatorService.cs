using DistTrain.Coordinator.Commands;
using DistTrain.Coordinator.Serving;
using DistTrain.Training;
using DistTrain.Training.Code;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator.Hosting;

/// <summary>A coordinator's node as a service of an application.</summary>
internal sealed partial class CoordinatorService(DistTrainCoordinatorOptions options, DistTrainRun run, IHostApplicationLifetime lifetime, ILogger<CoordinatorService> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Reading the data and building the model take their time: the application's start does not wait for them.
        await Task.Yield();
        try
        {
            var asked = options.Job(options.Code is { } code ? CodeOptions.Of(code) : new JobOptions());
            JobRun.UseNumerics(asked);
            var job = JobBuilder.Build(asked, options.MinWorkers, options.Code);
            var serve = new ServeOptions { Job = asked, MinWorkers = options.MinWorkers, Network = options.Network };
            using var cluster = new ServeCluster(ClusterJob.From(job, asked), serve, options.Cluster with { Workers = options.MinWorkers }, null, happened =>
            {
                if (happened is RunEvent.Noted noted) Note(logger, noted.Text);
                options.Observer(happened);
            });
            Note(logger, $"listening on {cluster.Host}:{cluster.Port}");
            run.Listens(cluster.Port);
            run.Ended(await cluster.RunAsync(asked with { Shards = job.Shards }, job.Data, stoppingToken).ConfigureAwait(false));
        }
        catch (Exception error)
        {
            run.Failed(error);
            throw;
        }
        if (options.StopHostWhenDone) lifetime.StopApplication();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Text}")]
    private static partial void Note(ILogger logger, string text);
}
