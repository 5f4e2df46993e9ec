using DistTrain.Worker.Node;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker.Hosting;

/// <summary>A worker's node as a service of an application.</summary>
internal sealed class WorkerService(DistTrainWorkerOptions options, IHostApplicationLifetime lifetime, ILogger<WorkerService> logger) : NodeService(options.Name, options, lifetime, logger)
{
    /// <inheritdoc/>
    protected override async Task<bool> LiveAsync(CancellationToken stop)
    {
        var join = new JoinOptions { Coordinator = options.Coordinator, CoordinatorTimeout = options.CoordinatorTimeout, Name = options.Name, Network = options.Network, DataRoot = options.DataRoot, ThreadsPerWorker = options.ThreadsPerWorker };
        return await WorkerNode.LiveAsync(join, options.Jobs, Note, stop).ConfigureAwait(false) switch
        {
            NodeEnd.Refused refused => throw new UserErrorException($"{options.Name} was refused by the coordinator: {refused.Reason}"),
            NodeEnd.Failed failed => throw new InvalidOperationException($"{options.Name} failed: {failed.Error}"),
            NodeEnd.NotFound => throw new UserErrorException($"{options.Name} found no coordinator at {options.Coordinator} within {options.CoordinatorTimeout.TotalSeconds:0.#} s"),
            var end => end is NodeEnd.Done,
        };
    }
}
