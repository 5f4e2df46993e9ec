using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>What those who run nodes see of them: health endpoints and the log, of real processes.</summary>
public sealed partial class OperationTests : IDisposable
{
    private const string Job = "--data digits:203,40 --batch-size 20 --shards 4 --model cnn --output json --log-every 1 --run-dir out --epochs 100000";

    private static readonly HttpClient Http = new();

    private readonly ClusterProcesses cluster = new();

    public void Dispose() => cluster.Dispose();

    [Fact]
    public async Task Workers_that_come_go_and_crash_are_logged_with_the_step_and_health_says_who_takes_part()
    {
        string port = ClusterProcesses.FreePort();
        var early = cluster.Join("--name early --health-port 0", port);
        string worker = await HealthOf(early);
        Assert.Equal((HttpStatusCode.OK, true), (await Get(worker, "live"), await Get(worker, "ready") == HttpStatusCode.ServiceUnavailable));
        var (serve, _) = await cluster.Serve($"--detection-time 3 --health-port 0 --log-format json {Job}", port);
        string coordinator = await HealthOf(serve);
        await Until(async () => await Get(coordinator, "ready") == HttpStatusCode.OK);
        await serve.PrintedAsync("\"step\":3,");
        await Until(async () => await Get(worker, "ready") == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await Get(coordinator, "live"));
        Assert.Equal(HttpStatusCode.NotFound, await Get(coordinator, "else"));
        var crashing = cluster.Join("--name crashing", port);
        await serve.PrintedAsync("crashing (process");
        crashing.Kill();
        await serve.PrintedAsync("is lost at step");
        early.Send(PosixSignal.SIGTERM);
        Assert.Equal(143, (await early.EndAsync()).ExitCode);
        await serve.PrintedAsync("left at step");
        await serve.PrintedAsync("no worker is left at step");
        serve.Send(PosixSignal.SIGTERM);
        var end = await serve.EndAsync();
        Assert.True(end.ExitCode == 143, end.Output + end.Errors);

        var log = end.ErrorLines.Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.All(log, line => Assert.Equal("DistTrain.Coordinator", line.GetProperty("Category").GetString()));
        Assert.Equal(["early", "crashing"], Lines(log, 11).Select(line => line.GetProperty("Worker").GetString()));
        Assert.Equal("early", Assert.Single(Lines(log, 12)).GetProperty("Worker").GetString());
        Assert.Equal("crashing", Assert.Single(Lines(log, 13)).GetProperty("Worker").GetString());
        var moves = Lines(log, 14).Select(line => (line.GetProperty("Worker").GetString(), line.GetProperty("Shards").GetString())).ToList();
        Assert.Equal(("early", "0,1,2,3"), moves[0]);
        Assert.Equal("crashing", moves[1].Item1);
        Assert.Equal(("early", moves[1].Item2), moves[2]);
        var steps = log.Where(line => line.GetProperty("EventId").GetInt32() is >= 10 and <= 15).Select(line => line.GetProperty("State").GetProperty("Step").GetInt64()).ToList();
        Assert.Equal(steps.Order(), steps);
        Assert.True(steps[^1] > 3);
    }

    [Theory]
    [InlineData("serve --health-port 65536", "--health-port was '65536'")]
    [InlineData("serve --log-format xml", "--log-format was 'xml'")]
    [InlineData("serve --port 0 --health-port TAKEN", "expected one that is free")]
    public async Task What_cannot_be_is_said_in_a_line(string arguments, string expected)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var result = await CommandProcess.RunInAsync(cluster.Folder, arguments.Replace("TAKEN", $"{((IPEndPoint)taken.LocalEndpoint).Port}", StringComparison.Ordinal));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, Assert.Single(result.ErrorLines));
    }

    /// <summary>Where a process says that its health is to be asked for.</summary>
    internal static async Task<string> HealthOf(CommandProcess process) => AddressOf().Match(await process.LineAsync("health at")).Groups[1].Value;

    /// <summary>Asks for a process's health.</summary>
    internal static async Task<HttpStatusCode> Get(string address, string what)
    {
        using var response = await Http.GetAsync(new Uri($"{address}/health/{what}"));
        return response.StatusCode;
    }

    /// <summary>Waits until something is so.</summary>
    internal static async Task Until(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await isSo()) await Task.Delay(50, patience.Token);
    }

    private static IReadOnlyList<JsonElement> Lines(IEnumerable<JsonElement> log, int id) => [.. log.Where(line => line.GetProperty("EventId").GetInt32() == id).Select(line => line.GetProperty("State"))];

    [GeneratedRegex(@"health at (http://[^/]+)/health/live")]
    private static partial Regex AddressOf();
}
