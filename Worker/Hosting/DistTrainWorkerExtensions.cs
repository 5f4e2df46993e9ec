using Microsoft.Extensions.DependencyInjection;

namespace DistTrain.Worker.Hosting;

/// <summary>Workers in an application of one's own.</summary>
public static class DistTrainWorkerExtensions
{
    /// <summary>Adds a worker, which joins its coordinator when the application starts and leaves it, handing its work over, when it stops. Each call adds another one.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Says where the coordinator is, and what else there is to say.</param>
    /// <exception cref="UserErrorException">No coordinator is named.</exception>
    public static IServiceCollection AddDistTrainWorker(this IServiceCollection services, Action<DistTrainWorkerOptions> configure)
    {
        var options = new DistTrainWorkerOptions();
        configure(options);
        if (options.Coordinator.Length == 0) throw new UserErrorException("AddDistTrainWorker: Coordinator is missing, expected host:port, such as 127.0.0.1:4053");
        return NodeService.Add<WorkerService>(services, options);
    }
}
