using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using DistTrain.Tests.Data;
using DistTrain.Tests.Transport;
using DistTrain.Transport;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>A coordinator and workers as real processes on loopback: same bits as a local cluster, whatever happens to the workers.</summary>
public sealed partial class ServeTests : IDisposable
{
    private const string Job = "--data digits:203,40 --batch-size 20 --shards 4 --dropout 0.2 --optimizer adamw --output json --log-every 1 --run-dir out";

    private readonly TempFolder folder = new();
    private readonly List<CommandProcess> processes = [];

    public void Dispose()
    {
        foreach (var process in processes) process.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("auto", "")]
    [InlineData("tcp", "--bucket-bytes 65536 --servers 2 --clip-norm 1")]
    [InlineData("shm", "--codec int8 --weights-codec bf16 --bucket-bytes 65536")]
    [InlineData("akka", "--codec bf16")]
    [InlineData("tcp", "--codec powersgd:2 --weights-codec bf16")]
    public async Task Workers_in_processes_of_their_own_come_to_the_bits_of_a_local_cluster(string channel, string more)
    {
        var local = LocalRun.ResultAsync($"{Job} --epochs 2 {more}");
        var (serve, port) = await Serve($"--min-workers 2 --channel {channel} {Job} --epochs 2 {more}");
        var workers = new[] { Join(port, $"--channel {channel}"), Join(port, $"--channel {channel}") };
        var result = await serve.EndAsync();
        Assert.Equal(await local, Hashes(result));
        Assert.Equal(port, result.Events[0].GetProperty("port").GetInt32().ToString());
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_job_is_asked_how_it_is_and_stopped_and_saved()
    {
        folder.Write("token", "open sesame");
        var (serve, port) = await Serve($"--token-file token {Job} --epochs 100000 --checkpoint-dir saved");
        var worker = Join(port, "--token-file token --name only");
        await serve.PrintedAsync("\"step\":3,");
        var status = await CommandProcess.RunInAsync(folder.Folder, $"status --coordinator 127.0.0.1:{port} --token-file token --output json");
        Assert.Equal(0, status.ExitCode);
        var line = Assert.Single(status.Events);
        Assert.True(line.GetProperty("step").GetInt64() >= 3, status.Output);
        Assert.Equal("only", line.GetProperty("workers")[0].GetProperty("worker").GetString());
        Assert.Equal(4, line.GetProperty("workers")[0].GetProperty("shards").GetArrayLength());
        Assert.Equal(OperatingSystem.IsLinux() ? "shared-memory" : "tcp", line.GetProperty("workers")[0].GetProperty("channel").GetString());
        Assert.Equal(1, (await CommandProcess.RunInAsync(folder.Folder, $"stop --coordinator 127.0.0.1:{port}")).ExitCode);
        Assert.Equal(0, (await CommandProcess.RunInAsync(folder.Folder, $"stop --coordinator 127.0.0.1:{port} --token-file token")).ExitCode);
        var result = await serve.EndAsync();
        Assert.Equal(0, result.ExitCode);
        long steps = result.Last("interrupted").GetProperty("steps").GetInt64();
        Assert.Contains(result.Events, e => e.GetProperty("event").GetString() == "checkpoint" && e.GetProperty("step").GetInt64() == steps);
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_signal_ends_the_served_job_after_its_step_saved()
    {
        const string Sparse = $"{Job} --epochs 100000 --codec topk:0.05";
        var (serve, port) = await Serve($"--min-workers 2 {Sparse} --checkpoint-dir saved");
        var workers = new[] { Join(port), Join(port) };
        await serve.PrintedAsync("\"step\":3,");
        serve.Send(PosixSignal.SIGTERM);
        var result = await serve.EndAsync();
        Assert.True(result.ExitCode == 143, result.Output + result.Errors);
        long steps = result.Last("interrupted").GetProperty("steps").GetInt64();
        Assert.Contains(result.Events, e => e.GetProperty("event").GetString() == "checkpoint" && e.GetProperty("step").GetInt64() == steps);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
        var whole = await LocalRun.ResultAsync($"{Sparse} --max-steps {steps + 15}");
        Assert.Equal(whole, Hashes(await CommandProcess.RunInAsync(folder.Folder, $"local --resume --checkpoint-dir saved --max-steps {steps + 15} --output json")));
    }

    [Fact]
    public async Task Who_does_not_know_the_token_is_refused_on_both_sides()
    {
        folder.Write("token", "open sesame");
        folder.Write("wrong", "open barley");
        var (serve, port) = await Serve($"--token-file token {Job} --epochs 1");
        var stranger = await Join(port, "--token-file wrong --name stranger").EndAsync();
        Assert.Equal(1, stranger.ExitCode);
        Assert.Contains("its token is not the job's", stranger.Errors);
        Assert.Contains("its token is not the job's", await serve.LineAsync("stranger"));
        Assert.Equal(0, (await Join(port, "--token-file token").EndAsync()).ExitCode);
        Assert.Equal(0, (await serve.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Under_mutual_tls_only_nodes_of_the_authority_take_part()
    {
        using var ours = new TestAuthority("ours");
        using var theirs = new TestAuthority("theirs");
        var local = LocalRun.ResultAsync($"{Job} --epochs 2");
        var (serve, port) = await Serve($"{Tls(ours, "coordinator")} --channel tcp {Job} --epochs 2");
        CommandProcess[] others = [Join(port, $"{Tls(theirs, "stranger")} --coordinator-timeout 3"), Join(port, "--coordinator-timeout 3")];
        foreach (var other in others) Assert.Equal(1, (await other.EndAsync()).ExitCode);
        var worker = Join(port, $"{Tls(ours, "worker")} --channel tcp");
        var result = await serve.EndAsync();
        Assert.Equal(await local, Hashes(result));
        Assert.Single(result.Events, e => e.GetProperty("event").GetString() == "worker_joined");
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Theory]
    [InlineData("join", 2, "--coordinator is missing")]
    [InlineData("join --coordinator nowhere", 2, "expected host:port")]
    [InlineData("join --coordinator 127.0.0.1:1 --coordinator-timeout 0.5", 1, "no coordinator at 127.0.0.1:1")]
    [InlineData("join --coordinator 127.0.0.1:1 --host 0.0.0.0", 2, "--insecure")]
    [InlineData("join --coordinator 127.0.0.1:1 --tls-ca x", 2, "--tls-certificate is missing")]
    public async Task What_cannot_be_is_said_in_a_line(string arguments, int exitCode, string expected)
    {
        using var worker = CommandProcess.Worker(folder.Folder, arguments);
        var result = await worker.EndAsync();
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(expected, Assert.Single(result.ErrorLines));
        Assert.Empty(result.Output);
    }

    private async Task<(CommandProcess Serve, string Port)> Serve(string arguments, string port = "0")
    {
        var serve = new CommandProcess(folder.Folder, $"serve --port {port} {arguments}");
        processes.Add(serve);
        string line = await serve.LineAsync("listening on");
        return (serve, PortOf().Match(line).Groups[1].Value);
    }

    private CommandProcess Join(string port, string arguments = "")
    {
        var worker = CommandProcess.Worker(folder.Folder, $"join --coordinator 127.0.0.1:{port} {arguments}");
        processes.Add(worker);
        return worker;
    }

    private string Tls(TestAuthority authority, string node)
    {
        TlsFiles files = authority.Write(folder.Folder, node);
        return $"--tls-certificate {files.Certificate} --tls-key {files.Key} --tls-ca {files.Authority}";
    }

    private static (string?, string?, double, double) Hashes(CommandResult run)
    {
        Assert.True(run.ExitCode == 0, run.Output + run.Errors);
        var end = run.Last("finished");
        return (end.GetProperty("weights_sha256").GetString(), end.GetProperty("state_sha256").GetString(), end.GetProperty("train_loss").GetDouble(), end.GetProperty("test_loss").GetDouble());
    }

    [GeneratedRegex(@"listening on [^ ]*:(\d+)")]
    private static partial Regex PortOf();
}
