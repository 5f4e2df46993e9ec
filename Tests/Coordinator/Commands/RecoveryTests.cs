using System.Net;
using DistTrain.Nn.Files;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Coordinators that are killed or halted, as real processes: the job goes on from the last checkpoint, under one coordinator at a time, to the bits of a run where nothing happened.</summary>
public sealed class RecoveryTests : EndlessJob
{
    private const string Quick = "--detection-time 2", Saving = $"--min-workers 2 {Quick} --checkpoint-dir saved --checkpoint-every 10";

    [Fact]
    public async Task A_coordinator_that_is_killed_goes_on_from_its_checkpoint_and_workers_wait_for_it()
    {
        var (serve, port) = await Serve($"{Saving} {Endless}");
        var workers = new[] { Join(port, Quick), Join(port, Quick) };
        await serve.PrintedAsync("\"checkpoint\"", 2);
        serve.Kill();
        var (again, _) = await Serve($"--min-workers 2 {Quick} --output json --log-every 1 --run-dir out --resume --checkpoint-dir saved", port);
        await MoreStepsAsync(again);
        await StopAsync(again);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_standby_takes_over_from_a_coordinator_that_is_killed_and_the_other_way_round()
    {
        var (first, port) = await Serve($"{Saving} {Endless}");
        string other = FreePort();
        var second = StandBy($"--port {other} --health-port 0 {Saving} {Endless}");
        await second.PrintedAsync("standing by");
        string health = await OperationTests.HealthOf(second);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (await OperationTests.Get(health, "live"), await OperationTests.Get(health, "ready")));
        var workers = new[] { Join($"{port},127.0.0.1:{other}", Quick), Join($"{port},127.0.0.1:{other}", Quick) };
        await first.PrintedAsync("\"checkpoint\"", 2);
        first.Kill();
        var third = StandBy($"--port {port} {Saving} {Endless}");
        await second.PrintedAsync("\"checkpoint\"", 2);
        Assert.Equal(HttpStatusCode.OK, await OperationTests.Get(health, "ready"));
        second.Kill();
        await MoreStepsAsync(third);
        await StopAsync(third);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
        Assert.Equal(3, TermOf(Directory.GetFiles(Saved).Order(StringComparer.Ordinal).Last(file => file.EndsWith(".safetensors", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task A_standby_with_a_folder_of_its_own_takes_over_with_the_workers_from_the_last_checkpoint_that_it_has()
    {
        const string quicker = "--detection-time 1";
        var (first, port) = await Serve($"--min-workers 2 {quicker} --checkpoint-dir saved --checkpoint-every 10 {Endless}");
        var (second, other) = await Serve($"--standby --join 127.0.0.1:{port} {quicker} --checkpoint-dir away --checkpoint-every 10 --output json --log-every 1 --run-dir away-run");
        var workers = new[] { Join($"{port},127.0.0.1:{other}", quicker), Join($"{port},127.0.0.1:{other}", quicker) };
        await first.PrintedAsync("\"durable\":[\"folder\",\"standby\"]", 2);
        long saved = first.Events("checkpoint").Last(told => told.GetProperty("durable").GetArrayLength() == 2).GetProperty("step").GetInt64();
        first.Kill();
        Directory.Delete(Saved, recursive: true);
        long term = await TakesOverAsync(second, "2 of 2 workers follow");
        await second.PrintedAsync("\"checkpoint\"");
        Assert.InRange(second.Events("step")[0].GetProperty("step").GetInt64(), saved + 1, long.MaxValue);
        await StopAsync(second);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
        Assert.Equal(term, TermOf(Directory.GetFiles(Path.Combine(Folder, "away"), "*.safetensors").Order(StringComparer.Ordinal).Last()));
    }

    [Fact]
    public async Task A_coordinator_that_was_halted_finds_another_in_its_place_and_writes_nothing_more()
    {
        var (first, port) = await Serve($"{Saving} {Endless}");
        string other = FreePort();
        var second = StandBy($"--port {other} {Saving} {Endless}");
        await second.PrintedAsync("standing by");
        var workers = new[] { Join($"{port},127.0.0.1:{other}", Quick), Join($"{port},127.0.0.1:{other}", Quick) };
        await first.PrintedAsync("\"checkpoint\"", 2);
        first.Freeze(true);
        await second.PrintedAsync("\"checkpoint\"", 1);
        long taken = second.Events("checkpoint").First().GetProperty("step").GetInt64();
        first.Freeze(false);
        var gone = await first.EndAsync();
        Assert.Equal(1, gone.ExitCode);
        Assert.Contains("another coordinator has taken over", gone.Last("failed").GetProperty("error").GetString());
        // So that none is put away while it is read.
        second.Freeze(true);
        foreach (string file in Directory.GetFiles(Saved, "*.safetensors")) Assert.True(TermOf(file) == (StepOf(file) >= taken ? 2 : 1), $"{file} is of term {TermOf(file)}, {taken} was the first step of term 2 to be saved");
        second.Freeze(false);
        await MoreStepsAsync(second);
        await StopAsync(second);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_coordinator_outlives_all_of_its_workers()
    {
        var (serve, port) = await Serve($"--min-workers 2 --detection-time 2 --stable-after 1 {Endless}");
        var workers = new[] { Join(port), Join(port) };
        await MoreStepsAsync(serve);
        foreach (var worker in workers) worker.Kill();
        await serve.PrintedAsync("no worker is left");
        await serve.PrintedAsync("is shut out", 2);
        var next = Join(port);
        await MoreStepsAsync(serve);
        await StopAsync(serve);
        Assert.Equal(0, (await next.EndAsync()).ExitCode);
    }

    private CommandProcess StandBy(string arguments) => Keep(new CommandProcess(Folder, $"serve --standby {arguments}"));

    private string Saved => Path.Combine(Folder, "saved");

    private static long StepOf(string file) => Number(file, "step");

    private static long TermOf(string file) => Number(file, "term");

    private static long Number(string file, string name)
    {
        using var opened = SafeTensorsFile.Open(file);
        return long.Parse(opened.Metadata[name]);
    }
}
