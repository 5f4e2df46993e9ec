using System.Runtime.InteropServices;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>States that live with whoever computes a shard, between real processes: error feedback of codecs and the optimizer state of local steps move with their shards, are saved, and a crash that loses one is told of or undone.</summary>
public sealed class LeafStateTests : EndlessJob
{
    private const string Sparse = "--codec topk:0.05", Local = "--consistency local:3", Both = $"{Sparse} {Local}";
    private const string Quick = "--detection-time 2";

    [Fact]
    public async Task They_move_to_workers_that_join_and_from_one_that_leaves()
    {
        // A detection time that the test would not outlast.
        var (serve, port) = await Serve($"--detection-time 600 {Endless} {Both}");
        var workers = new List<CommandProcess>();
        for (int joined = 1; joined <= 3; joined++)
        {
            workers.Add(Join(port));
            await serve.PrintedAsync("worker_joined", joined);
            await MoreStepsAsync(serve);
        }
        workers[0].Send(PosixSignal.SIGTERM);
        Assert.Equal(143, (await workers[0].EndAsync()).ExitCode);
        await MoreStepsAsync(serve);
        var result = await StopAsync(serve, Both);
        Assert.DoesNotContain("was lost with its worker", result.Output, StringComparison.Ordinal);
        foreach (var worker in workers.Skip(1)) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Theory]
    [InlineData(Sparse, "the residual of shard")]
    [InlineData(Local, "the optimizer state of shard")]
    public async Task One_that_a_crash_loses_is_told_of(string states, string told)
    {
        var (serve, port) = await Serve($"--min-workers 2 {Quick} {Endless} {states}");
        var (first, second) = (Join(port), Join(port));
        await MoreStepsAsync(serve);
        first.Kill();
        string warning = await serve.LineAsync("was lost with its worker");
        Assert.Contains("\"event\":\"warning\"", warning);
        Assert.Contains(told, warning);
        await MoreStepsAsync(serve);
        serve.Send(PosixSignal.SIGTERM);
        var end = (await serve.EndAsync()).Last("interrupted");
        var local = await LocalRun.ResultAsync($"{Endless} {states} --max-steps {end.GetProperty("steps").GetInt64()}");
        Assert.NotEqual(local.Weights, end.GetProperty("weights_sha256").GetString());
        Assert.Equal(0, (await second.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Under_exact_recovery_a_crash_costs_no_bit()
    {
        var (serve, port) = await Serve($"--min-workers 2 {Quick} {Endless} {Sparse} --checkpoint-dir saved --checkpoint-every 6 --exact-recovery");
        var (first, second) = (Join(port), Join(port));
        await serve.PrintedAsync("\"checkpoint\"");
        first.Kill();
        await serve.LineAsync("goes back to the last checkpoint");
        await serve.PrintedAsync("\"worker_joined\"", 3);
        await MoreStepsAsync(serve, 8);
        var result = await StopAsync(serve, Sparse);
        Assert.Single(result.Events, e => e.GetProperty("event").GetString() == "started");
        Assert.Equal(0, (await second.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_coordinator_that_is_killed_goes_on_with_those_of_its_checkpoint()
    {
        var (serve, port) = await Serve($"--min-workers 2 {Quick} {Endless} {Both} --checkpoint-dir saved --checkpoint-every 6");
        var workers = new[] { Join(port, Quick), Join(port, Quick) };
        await serve.PrintedAsync("\"checkpoint\"", 2);
        serve.Kill();
        var (again, _) = await Serve($"--min-workers 2 {Quick} --output json --log-every 1 --run-dir out --resume --checkpoint-dir saved", port);
        await MoreStepsAsync(again);
        await StopAsync(again, Both);
        foreach (var worker in workers) Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }
}
