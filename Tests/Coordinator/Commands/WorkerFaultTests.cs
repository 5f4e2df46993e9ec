using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Workers that crash, hang, leave and come too early, as real processes: the others keep theirs, and no bit changes.</summary>
public sealed class WorkerFaultTests : EndlessJob
{
    [Fact]
    public async Task Nobody_waits_for_a_worker_that_is_killed_or_leaves()
    {
        // Codecs round at random, by keys: what is computed again must come to the same bytes.
        const string Codecs = "--codec int8 --weights-codec fp16";
        // Times that the test would not outlast: a killed worker is noticed by its broken channel, one that leaves says so.
        const string Slow = "--detection-time 600";
        var (serve, port) = await Serve($"--min-workers 2 {Slow} --stable-after 600 {Endless} {Codecs}");
        var (first, second) = (Join(port, $"--name first {Slow}"), Join(port, $"--name second {Slow}"));
        await MoreStepsAsync(serve);
        first.Kill();
        await GoesOnAsync(1);
        Assert.Contains("ms of silence", await serve.LineAsync("done without first"));
        Assert.False(second.HasEnded);
        var again = Join(port, "--name first");
        await serve.PrintedAsync("worker_joined", 3);
        await MoreStepsAsync(serve);
        second.Send(PosixSignal.SIGTERM);
        await GoesOnAsync(2);
        Assert.Equal(143, (await second.EndAsync(TimeSpan.FromSeconds(30))).ExitCode);
        await StopAsync(serve, Codecs);
        Assert.Equal(0, (await again.EndAsync()).ExitCode);

        async Task GoesOnAsync(int losses)
        {
            var since = Stopwatch.StartNew();
            await serve.PrintedAsync("worker_lost", losses);
            await MoreStepsAsync(serve, 2);
            Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        }
    }

    [Fact]
    public async Task A_worker_that_hangs_is_shut_out_and_joins_anew_when_it_wakes()
    {
        const string Quick = "--detection-time 1";
        var (serve, port) = await Serve($"--min-workers 2 {Quick} --stable-after 1 {Endless}");
        var (first, second) = (Join(port, $"--name first {Quick}"), Join(port, $"--name second {Quick}"));
        await MoreStepsAsync(serve);
        first.Freeze(true);
        Assert.Contains("\"worker\":\"first\"", await serve.LineAsync("worker_lost"));
        await MoreStepsAsync(serve);
        await serve.PrintedAsync("first is shut out");
        first.Freeze(false);
        await first.PrintedAsync("joins again");
        await serve.PrintedAsync("worker_joined", 3);
        await MoreStepsAsync(serve);
        await StopAsync(serve);
        Assert.Equal(0, (await first.EndAsync()).ExitCode);
        Assert.Equal(0, (await second.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_worker_that_hangs_for_a_moment_only_takes_part_again_and_its_late_answers_are_dropped()
    {
        var (serve, port) = await Serve($"--min-workers 2 --detection-time 1 --stable-after 600 {Endless}");
        var (first, second) = (Join(port, "--name first --detection-time 600"), Join(port, "--name second --detection-time 600"));
        await MoreStepsAsync(serve);
        first.Freeze(true);
        await serve.PrintedAsync("worker_lost");
        await MoreStepsAsync(serve);
        first.Freeze(false);
        await serve.PrintedAsync("worker_joined", 3);
        await MoreStepsAsync(serve);
        await StopAsync(serve);
        Assert.DoesNotContain("joins again", (await first.EndAsync()).Errors);
        Assert.Equal(0, (await second.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task A_worker_may_start_before_its_coordinator_and_end_after_it()
    {
        // Somebody else is there when it asks first, and does not answer.
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        string port = $"{((IPEndPoint)closed.LocalEndpoint).Port}";
        var early = Join(port, "--name early");
        using (await closed.AcceptSocketAsync().WaitAsync(TimeSpan.FromMinutes(2))) closed.Stop();
        var (serve, _) = await Serve($"{Endless} --max-steps 20", port);
        Assert.Equal(0, (await serve.EndAsync()).ExitCode);
        var end = await early.EndAsync();
        Assert.Equal(0, end.ExitCode);
        Assert.Matches(@"early listens on 127\.0\.0\.1:[1-9]\d*", end.Errors);
    }
}
