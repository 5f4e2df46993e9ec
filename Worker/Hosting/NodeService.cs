using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker.Hosting;

/// <summary>A node as a service of an application.</summary>
/// <param name="name">What it calls itself in the log.</param>
/// <param name="options">What all nodes have in common.</param>
/// <param name="lifetime">The application's.</param>
/// <param name="logger">Where notes go.</param>
internal abstract partial class NodeService(string name, DistTrainNodeOptions options, IHostApplicationLifetime lifetime, ILogger logger) : BackgroundService
{
    /// <summary>Adds a service to an application, each call another one.</summary>
    public static IServiceCollection Add<TService>(IServiceCollection services, params object[] arguments) where TService : NodeService =>
        services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<TService>(provider, arguments));

    /// <inheritdoc/>
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Reading the data and building the model take their time: the application's start does not wait for them.
        await Task.Yield();
        if (await LiveAsync(stoppingToken).ConfigureAwait(false) && options.StopHostWhenDone) lifetime.StopApplication();
    }

    /// <summary>Takes part in a job.</summary>
    /// <returns>Whether the job is over.</returns>
    protected abstract Task<bool> LiveAsync(CancellationToken stop);

    /// <summary>Says something in the application's log.</summary>
    protected void Note(string text) => Note(logger, name, text);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Node}: {Text}")]
    private static partial void Note(ILogger logger, string node, string text);
}
