using System.Net;
using DistTrain.Nn.Files;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Coordinators that are killed or halted, as real processes: the job goes on from the last checkpoint, under one coordinator at a time, to the bits of a run where nothing happened.</summary>
public sealed class RecoveryTests : IDisposable
{
    private const string Job = "--data digits:203,40 --batch-size 20 --shards 4 --dropout 0.2 --optimizer adamw --output json --log-every 1 --run-dir out --model cnn --epochs 30";
    private const string Saving = "--min-workers 2 --detection-time 2 --checkpoint-dir saved --checkpoint-every 10";

    private static readonly Lazy<Task<(string?, string?, double, double)>> Undisturbed = new(async () => ClusterProcesses.Result(await CommandProcess.RunAsync($"local {Job}")));

    private readonly ClusterProcesses cluster = new();

    public void Dispose() => cluster.Dispose();

    [Fact]
    public async Task A_coordinator_that_is_killed_goes_on_from_its_checkpoint_and_workers_wait_for_it()
    {
        var (serve, port) = await cluster.Serve($"{Saving} {Job}");
        var workers = new[] { cluster.Join("--detection-time 2", port), cluster.Join("--detection-time 2", port) };
        await serve.PrintedAsync("\"checkpoint\"", 2);
        serve.Kill();
        var (again, _) = await cluster.Serve("--min-workers 2 --detection-time 2 --output json --resume --checkpoint-dir saved", port);
        Assert.Equal(await Undisturbed.Value, ClusterProcesses.Result(await again.EndAsync()));
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_standby_takes_over_from_a_coordinator_that_is_killed_and_the_other_way_round()
    {
        var (first, port) = await cluster.Serve($"{Saving} {Job}");
        string other = ClusterProcesses.FreePort();
        var second = cluster.Coordinator($"--standby --port {other} --health-port 0 {Saving} {Job}");
        await second.PrintedAsync("standing by");
        string health = await OperationTests.HealthOf(second);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (await OperationTests.Get(health, "live"), await OperationTests.Get(health, "ready")));
        var workers = new[] { cluster.Join("--detection-time 2", port, other), cluster.Join("--detection-time 2", port, other) };
        await first.PrintedAsync("\"checkpoint\"", 2);
        first.Kill();
        var third = cluster.Coordinator($"--standby --port {port} {Saving} {Job}");
        await second.PrintedAsync("\"checkpoint\"", 2);
        Assert.Equal(HttpStatusCode.OK, await OperationTests.Get(health, "ready"));
        second.Kill();
        Assert.Equal(await Undisturbed.Value, ClusterProcesses.Result(await third.EndAsync()));
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
        Assert.Equal(3, TermOf(Directory.GetFiles(Saved).Order(StringComparer.Ordinal).Last(file => file.EndsWith(".safetensors", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task A_coordinator_that_was_halted_finds_another_in_its_place_and_writes_nothing_more()
    {
        var (first, port) = await cluster.Serve($"{Saving} {Job}");
        string other = ClusterProcesses.FreePort();
        var second = cluster.Coordinator($"--standby --port {other} {Saving} {Job}");
        await second.PrintedAsync("standing by");
        var workers = new[] { cluster.Join("--detection-time 2", port, other), cluster.Join("--detection-time 2", port, other) };
        await first.PrintedAsync("\"checkpoint\"", 2);
        first.Freeze(true);
        await second.PrintedAsync("\"checkpoint\"", 1);
        long taken = second.Events("checkpoint").First().GetProperty("step").GetInt64();
        first.Freeze(false);
        var gone = await first.EndAsync();
        Assert.Equal(1, gone.ExitCode);
        Assert.Contains("another coordinator has taken over", gone.Last("failed").GetProperty("error").GetString());
        foreach (string file in Directory.GetFiles(Saved, "*.safetensors")) Assert.True(TermOf(file) == (StepOf(file) >= taken ? 2 : 1), $"{file} is of term {TermOf(file)}, {taken} was the first step of term 2 to be saved");
        Assert.Equal(await Undisturbed.Value, ClusterProcesses.Result(await second.EndAsync()));
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_coordinator_outlives_all_of_its_workers()
    {
        var (serve, port) = await cluster.Serve($"--min-workers 2 --detection-time 2 --stable-after 1 {Job}");
        var workers = new[] { cluster.Join("", port), cluster.Join("", port) };
        await serve.PrintedAsync("\"step\":3,");
        foreach (var worker in workers) worker.Kill();
        await serve.PrintedAsync("no worker is left");
        await serve.PrintedAsync("is shut out", 2);
        var next = cluster.Join("", port);
        Assert.Equal(await Undisturbed.Value, ClusterProcesses.Result(await serve.EndAsync()));
        Assert.Equal(0, (await next.EndAsync()).ExitCode);
    }

    private string Saved => Path.Combine(cluster.Folder, "saved");

    private static long StepOf(string file) => Number(file, "step");

    private static long TermOf(string file) => Number(file, "term");

    private static long Number(string file, string name)
    {
        using var opened = SafeTensorsFile.Open(file);
        return long.Parse(opened.Metadata[name]);
    }
}
