using DistTrain.Worker.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace DistTrain.Coordinator.Hosting;

/// <summary>A coordinator in an application of one's own.</summary>
public static class DistTrainCoordinatorExtensions
{
    /// <summary>Adds a coordinator, which begins its job when the application starts and ends it after its step when it stops. Its <see cref="DistTrainRun"/> is a service, too.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Says what the job is, and what else there is to say.</param>
    public static IServiceCollection AddDistTrainCoordinator(this IServiceCollection services, Action<DistTrainCoordinatorOptions> configure)
    {
        var options = new DistTrainCoordinatorOptions();
        configure(options);
        var run = new DistTrainRun();
        services.AddSingleton(run);
        return NodeService.Add<CoordinatorService>(services, options, run);
    }
}
