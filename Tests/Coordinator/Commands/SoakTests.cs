using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Xunit.Abstractions;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>A cluster of processes whose workers crash, hang, leave and come back at random, for as long as DISTTRAIN_SOAK_SECONDS says: right hash, no sample lost or repeated, flat memory.</summary>
public sealed class SoakTests(ITestOutputHelper report) : EndlessJob
{
    private const int Workers = 4, TrainCount = 2000, BatchSize = 100;
    private const string Job = "--data digits:2000,40 --batch-size 100 --shards 4 --dropout 0.2 --optimizer adamw --epochs 1000000 --output json --run-dir out";
    private const string Times = "--detection-time 1.5";

    private readonly CommandProcess?[] workers = new CommandProcess?[Workers];
    private readonly Dictionary<string, int> happened = [];
    private string port = "";

    [Fact]
    public async Task Workers_that_crash_hang_leave_and_return_at_random_cost_no_bit_no_sample_and_no_memory()
    {
        bool isLong = int.TryParse(Environment.GetEnvironmentVariable("DISTTRAIN_SOAK_SECONDS"), CultureInfo.InvariantCulture, out int seconds);
        var (length, pause) = isLong ? (TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(5)) : (TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(1));
        var random = new Random(6);
        (var serve, port) = await Serve($"--min-workers {Workers} {Times} --stable-after 3 {Job} --log-every 20");
        for (int i = 0; i < Workers; i++) Start(i);
        await serve.PrintedAsync("\"event\":\"step\"");
        var memory = new List<ProcessMemory>();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < length;)
        {
            await Disturb(random);
            await Task.Delay(pause);
            Assert.False(serve.HasEnded);
            memory.Add(ProcessMemory.Of(serve.Id));
        }
        for (int i = 0; i < Workers; i++)
        {
            if (workers[i] is null) Start(i);
            else workers[i]!.Freeze(false);
        }
        // All are in again before the end, so that all hear of it.
        for (var patience = Stopwatch.StartNew(); serve.Count("\"worker_joined\"") - serve.Count("\"worker_lost\"") < Workers && patience.Elapsed < TimeSpan.FromMinutes(1);) await Task.Delay(200);
        await MoreStepsAsync(serve);
        serve.Send(PosixSignal.SIGTERM);
        var result = await serve.EndAsync();
        var end = result.Last("interrupted");
        long steps = end.GetProperty("steps").GetInt64();
        var local = Keep(new CommandProcess(Folder, $"local {Job} --max-steps {steps}"));
        var expected = (await local.EndAsync(TimeSpan.FromMinutes(20))).Last("finished");
        foreach (string hash in (string[])["weights_sha256", "state_sha256"]) Assert.Equal(expected.GetProperty(hash).GetString(), end.GetProperty(hash).GetString());
        long samples = steps / (TrainCount / BatchSize) * TrainCount + steps % (TrainCount / BatchSize) * BatchSize;
        Assert.Equal(samples, end.GetProperty("samples").GetInt64());
        foreach (var worker in workers) Assert.Equal(0, (await worker!.EndAsync()).ExitCode);

        var lost = result.Events.Where(e => e.GetProperty("event").GetString() == "worker_lost").ToList();
        int joined = result.Events.Count(e => e.GetProperty("event").GetString() == "worker_joined");
        var silences = lost.Select(e => e.GetProperty("silent_ms").GetDouble()).Order().ToList();
        report.WriteLine($"{length.TotalSeconds:0} s, {string.Join(", ", happened.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} x {pair.Key}"))}");
        report.WriteLine($"{steps} steps, {samples} samples, each once; {joined} joins, {lost.Count} losses, silence before a loss: median {Median(silences.Select(ms => (long)ms))} ms, longest {(silences.Count > 0 ? silences[^1] : 0):0} ms");
        Tell("coordinator's memory, MiB", memory, now => now.Resident >> 20);
        Tell("of that its own", memory, now => now.Own >> 20);
        Tell("shared", memory, now => now.Shared >> 20);
        Tell("threads", memory, now => now.Threads);
        Tell("open files", memory, now => now.Files);
        report.WriteLine($"weights_sha256 {end.GetProperty("weights_sha256").GetString()}, as local");
        // A short run is still warming up.
        var (early, late) = EarlyAndLate(memory, now => now.Resident);
        if (length > TimeSpan.FromMinutes(3)) Assert.InRange(late, 0, early + early / 10);
    }

    private void Tell(string what, IReadOnlyList<ProcessMemory> memory, Func<ProcessMemory, long> figure)
    {
        var (early, late) = EarlyAndLate(memory, figure);
        report.WriteLine($"{what}: {early} early, {late} late; by tenths of the time: {string.Join(", ", memory.Select(figure).Chunk(Math.Max(1, memory.Count / 10)).Select(Median))}");
    }

    /// <summary>Medians of the second to the fourth tenth of the time, and of the last quarter.</summary>
    private static (long Early, long Late) EarlyAndLate(IReadOnlyList<ProcessMemory> memory, Func<ProcessMemory, long> figure) =>
        (Median(memory.Skip(memory.Count / 10).Take(memory.Count / 4).Select(figure)), Median(memory.TakeLast(memory.Count / 4).Select(figure)));

    /// <summary>One worker crashes, hangs, leaves or is started again; one that is gone or hangs comes back.</summary>
    private async Task Disturb(Random random)
    {
        int i = random.Next(Workers);
        if (workers[i] is not { } worker)
        {
            Count("start again");
            Start(i);
            return;
        }
        // Whatever it was doing: one that hung for long lives on, or was shut out and joins anew.
        worker.Freeze(false);
        switch (random.Next(4))
        {
            case 0:
                Count("kill -9");
                worker.Kill();
                workers[i] = null;
                break;
            case 1:
                Count("SIGSTOP");
                worker.Freeze(true);
                break;
            case 2:
                Count("leave");
                worker.Send(PosixSignal.SIGTERM);
                Assert.Equal(143, (await worker.EndAsync()).ExitCode);
                workers[i] = null;
                break;
            default:
                Count("kill -9 and restart");
                worker.Kill();
                Start(i);
                break;
        }
    }

    private void Start(int i) => workers[i] = Join(port, $"--name worker-{i} {Times}");

    private void Count(string what) => happened[what] = happened.GetValueOrDefault(what) + 1;

    private static long Median(IEnumerable<long> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? 0 : sorted[sorted.Count / 2];
    }

    /// <summary>What a process takes: memory in bytes, all of it, its own and shared with others; threads; open files.</summary>
    private sealed record ProcessMemory(long Resident, long Own, long Shared, int Threads, int Files)
    {
        public static ProcessMemory Of(int process)
        {
            var lines = File.ReadLines($"/proc/{process}/status").Select(line => line.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts[1].Trim());
            return new ProcessMemory(Bytes("VmRSS"), Bytes("RssAnon"), Bytes("RssShmem"), int.Parse(lines["Threads"], CultureInfo.InvariantCulture), Directory.GetFiles($"/proc/{process}/fd").Length);

            long Bytes(string name) => long.Parse(lines[name].Split(' ')[0], CultureInfo.InvariantCulture) * 1024;
        }
    }
}
