using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using DistTrain.Tests.Data;
using DistTrain.Tests.Transport;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>A coordinator and workers as real processes, on a job that lasts until the test has seen what it wants to. All end with the test.</summary>
public abstract partial class EndlessJob : IDisposable
{
    /// <summary>A job without an end of its own: what has happened by its <see cref="StopAsync"/> decides how long it was, and a local run of as many steps must come to the same.</summary>
    protected const string Endless = $"{Job} --epochs 1000000 --log-every 1";

    private const string Job = "--data digits:203,40 --batch-size 20 --shards 4 --dropout 0.2 --optimizer adamw --output json --run-dir out";

    private readonly TempFolder folder = new();
    private readonly List<CommandProcess> processes = [];

    protected string Folder => folder.Folder;

    public void Dispose()
    {
        foreach (var process in processes) process.Dispose();
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected string Write(string name, string text) => folder.Write(name, text);

    protected CommandProcess Keep(CommandProcess process)
    {
        processes.Add(process);
        return process;
    }

    protected async Task<(CommandProcess Serve, string Port)> Serve(string arguments, string port = "0")
    {
        var serve = Keep(new CommandProcess(Folder, $"serve --port {port} {arguments}"));
        return (serve, await PortAsync(serve));
    }

    protected static async Task<string> PortAsync(CommandProcess serve) => PortOf().Match(await serve.LineAsync("listening on")).Groups[1].Value;

    protected CommandProcess Join(string port, string arguments = "", params (string Name, string Value)[] variables) =>
        Keep(CommandProcess.Worker(Folder, $"join --coordinator 127.0.0.1:{port} {arguments}", variables));

    /// <summary>Waits for so many more steps.</summary>
    protected static Task MoreStepsAsync(CommandProcess serve, int steps = 3) => serve.PrintedAsync("\"event\":\"step\"", serve.Count("\"event\":\"step\"") + steps);

    /// <summary>Waits until a standby takes over with so many workers; the term that it reigns in, which is later than the second where the machine stood still for long enough before to let it try in vain.</summary>
    protected static async Task<long> TakesOverAsync(CommandProcess standby, string workers) => long.Parse(TermOf().Match(await standby.LineAsync(workers)).Groups[1].Value, CultureInfo.InvariantCulture);

    /// <summary>Ends an <see cref="Endless"/> job, and compares what it came to with a local run of as many steps.</summary>
    protected async Task<CommandResult> StopAsync(CommandProcess serve, string more = "")
    {
        serve.Send(PosixSignal.SIGTERM);
        var result = await serve.EndAsync();
        Assert.True(result.ExitCode == 143, result.Output + result.Errors);
        var end = result.Last("interrupted");
        string arguments = $"{Endless} {more} --max-steps {end.GetProperty("steps").GetInt64()}";
        var (local, here) = (await LocalAsync(arguments), (end.GetProperty("weights_sha256").GetString(), end.GetProperty("state_sha256").GetString()));
        Assert.True(local == here, $"local {arguments} comes to {local}, the cluster came to {here}: {result.Output}{result.Errors}");
        return result;

        static async Task<(string?, string?)> LocalAsync(string arguments)
        {
            if (!arguments.Contains("--numerics", StringComparison.Ordinal))
            {
                var (weights, state, _, _) = await LocalRun.ResultAsync(arguments);
                return (weights, state);
            }
            // A level is the whole process's.
            var finished = (await CommandProcess.RunAsync($"local {arguments}")).Last("finished");
            return (finished.GetProperty("weights_sha256").GetString(), finished.GetProperty("state_sha256").GetString());
        }
    }

    /// <summary>The options of a node of an authority.</summary>
    internal string Tls(TestAuthority authority, string node)
    {
        TlsFiles files = authority.Write(Folder, node);
        return $"--tls-certificate {files.Certificate} --tls-key {files.Key} --tls-ca {files.Authority}";
    }

    protected static string FreePort(string host = "127.0.0.1")
    {
        using var probe = new TcpListener(IPAddress.Parse(host), 0);
        probe.Start();
        return $"{((IPEndPoint)probe.LocalEndpoint).Port}";
    }

    [GeneratedRegex(@"takes over in term (\d+): ")]
    private static partial Regex TermOf();

    [GeneratedRegex(@"listening on [^ ]*:(\d+)")]
    private static partial Regex PortOf();
}
