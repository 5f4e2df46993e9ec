using System.Text.RegularExpressions;
using DistTrain.Tests.Data;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Coordinators and workers of one test as real processes in one folder; ended with it.</summary>
internal sealed partial class ClusterProcesses : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly List<CommandProcess> processes = [];

    /// <summary>Where they all run.</summary>
    public string Folder => folder.Folder;

    /// <summary>Starts a coordinator; the arguments without the command.</summary>
    public CommandProcess Coordinator(string arguments) => Keep(new CommandProcess(Folder, $"serve {arguments}"));

    /// <summary>Starts a coordinator and waits until it listens; its port.</summary>
    public async Task<(CommandProcess Process, string Port)> Serve(string arguments, string port = "0")
    {
        var serve = Coordinator($"--port {port} {arguments}");
        return (serve, PortOf().Match(await serve.LineAsync("listening on")).Groups[1].Value);
    }

    /// <summary>Starts a worker for coordinators on these ports.</summary>
    public CommandProcess Join(string arguments, params string[] ports) =>
        Keep(CommandProcess.Worker(Folder, $"join --coordinator {string.Join(',', ports.Select(port => $"127.0.0.1:{port}"))} {arguments}"));

    /// <summary>What a run came to: hashes and losses.</summary>
    public static (string?, string?, double, double) Result(CommandResult run)
    {
        Assert.True(run.ExitCode == 0, run.Output + run.Errors);
        var end = run.Last("finished");
        return (end.GetProperty("weights_sha256").GetString(), end.GetProperty("state_sha256").GetString(), end.GetProperty("train_loss").GetDouble(), end.GetProperty("test_loss").GetDouble());
    }

    /// <summary>A port that nobody listens on.</summary>
    public static string FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        probe.Start();
        return $"{((System.Net.IPEndPoint)probe.LocalEndpoint).Port}";
    }

    public void Dispose()
    {
        foreach (var process in processes) process.Dispose();
        folder.Dispose();
    }

    private CommandProcess Keep(CommandProcess process)
    {
        processes.Add(process);
        return process;
    }

    [GeneratedRegex(@"listening on [^ ]*:(\d+)")]
    private static partial Regex PortOf();
}
