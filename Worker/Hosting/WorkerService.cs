using DistTrain.Worker.Node;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker.Hosting;

/// <summary>A worker's node as a service of an application.</summary>
internal sealed partial class WorkerService(DistTrainWorkerOptions options, IHostApplicationLifetime lifetime, ILogger<WorkerService> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Reading the data takes its time: the application's start does not wait for it.
        await Task.Yield();
        var join = new JoinOptions { Coordinator = options.Coordinator, CoordinatorTimeout = options.CoordinatorTimeout, Name = options.Name, Network = options.Network, DataRoot = options.DataRoot, ThreadsPerWorker = options.ThreadsPerWorker };
        var end = await WorkerNode.LiveAsync(join, options.Jobs, text => Note(logger, options.Name, text), stoppingToken).ConfigureAwait(false);
        switch (end)
        {
            case NodeEnd.Refused refused: throw new UserErrorException($"{options.Name} was refused by the coordinator: {refused.Reason}");
            case NodeEnd.Failed failed: throw new InvalidOperationException($"{options.Name} failed: {failed.Error}");
            case NodeEnd.NotFound: throw new UserErrorException($"{options.Name} found no coordinator at {options.Coordinator} within {options.CoordinatorTimeout.TotalSeconds:0.#} s");
            case NodeEnd.Done when options.StopHostWhenDone: lifetime.StopApplication(); break;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Worker}: {Text}")]
    private static partial void Note(ILogger logger, string worker, string text);
}
