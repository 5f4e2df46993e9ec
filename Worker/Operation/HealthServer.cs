using System.Net;
using System.Net.Sockets;
using DistTrain.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace DistTrain.Worker.Operation;

/// <summary>
/// A node's health over HTTP, for probes: <c>/health/live</c> and <c>/health/ready</c> answer 200 or 503 with a line that says why. ASP.NET Core's health checks; those of Akka.Hosting know one actor system per process, a node has
/// several in its life (<see cref="NodeHealth"/>).
/// </summary>
public sealed class HealthServer : IAsyncDisposable
{
    /// <summary>The path that tells whether the process should be left running.</summary>
    public const string LivePath = "/health/live";

    /// <summary>The path that tells whether the node takes part in a job.</summary>
    public const string ReadyPath = "/health/ready";

    private readonly WebApplication application;

    private HealthServer(WebApplication application) => this.application = application;

    /// <summary>Begins to answer, and notes where.</summary>
    /// <param name="options">The port; without one nothing is started.</param>
    /// <param name="network">The address to listen on.</param>
    /// <param name="health">What to tell.</param>
    /// <param name="note">Told where it listens.</param>
    /// <returns>Null where no endpoint is asked for.</returns>
    /// <exception cref="UserErrorException">The port cannot be used.</exception>
    public static async Task<HealthServer?> StartAsync(OperationOptions options, NodeNetwork network, NodeHealth health, Action<string> note)
    {
        if (options.HealthPort is not { } port) return null;
        var address = Address(network.Host);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            // Probes are small and few; whoever sends more gets nothing.
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 32;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.MaxRequestHeadersTotalSize = 4096;
            // Those that say nothing would keep probes out.
            kestrel.Limits.RequestHeadersTimeout = kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(5);
            kestrel.Listen(address, port);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddHealthChecks()
            .AddAsyncCheck("live", health.IsAliveAsync)
            .AddCheck("ready", health.IsReady);
        var application = builder.Build();
        Map(application, LivePath, "live");
        Map(application, ReadyPath, "ready");
        try
        {
            await application.StartAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw new UserErrorException($"--health-port was {port}, expected one that is free on {network.Host}: {error.Message}", error);
        }
        note($"health at {application.Urls.First()}{LivePath} and {ReadyPath}");
        return new HealthServer(application);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => application.DisposeAsync();

    private static IPAddress Address(string host)
    {
        try
        {
            return NodeSystem.ResolveHost(host);
        }
        catch (SocketException error)
        {
            throw new UserErrorException($"--host was '{host}', expected an address of this machine: {error.Message}", error);
        }
    }

    private static void Map(WebApplication application, string path, string check) => application.MapHealthChecks(path, new HealthCheckOptions
    {
        Predicate = registration => registration.Name == check,
        ResponseWriter = (context, report) => context.Response.WriteAsync($"{report.Status}: {report.Entries[check].Description}\n"),
    });

    /// <summary>Signals belong to the command.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
