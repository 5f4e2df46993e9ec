using System.Diagnostics;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Nn.Models;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// What checkpoints cost a run: the named workloads on a local cluster, with and without, in turns; the figure is the median over the turns. Beside the time stands the processor time, all threads together: on cores that compute
/// without a pause it is what shows as time, and a busy machine does not change it much.
/// </summary>
internal static class CheckpointsCommand
{
    private const int WarmUp = 50;

    public static int Run(string[] args)
    {
        int workers = Environment.ProcessorCount, every = 50, turns = 5;
        string? folder = null;
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            bool given = ++i < args.Length;
            int number = 0;
            if (!args[i - 1].StartsWith("--", StringComparison.Ordinal)) names.Add(args[--i]);
            else if (given && args[i - 1] == "--dir") folder = args[i];
            else if (!given || !int.TryParse(args[i], out number) || number < 1 || args[i - 1] is not ("--workers" or "--every" or "--turns"))
            {
                Console.Error.WriteLine("checkpoints: give --workers n, --every steps, --turns n (1 or more), --dir folder, and workloads");
                return 2;
            }
            else if (args[i - 1] == "--workers") workers = number;
            else if (args[i - 1] == "--every") every = number;
            else turns = number;
        }
        var place = folder is null ? Directory.CreateTempSubdirectory("disttrain-checkpoints-") : Directory.CreateDirectory(folder);
        foreach (string name in names.Count > 0 ? names : ["mlp", "mlp-wide", "cnn", "char-gpt"]) Time(name, workers, every, turns, place.FullName).GetAwaiter().GetResult();
        if (folder is null) place.Delete(recursive: true);
        return 0;
    }

    private static async Task Time(string name, int workers, int every, int turns, string place)
    {
        var options = new ClusterOptions { Workers = workers };
        var saving = options with { Checkpoints = new CheckpointPlan { Folder = new CheckpointFolder(Path.Combine(place, name)), Every = every } };
        // The first run of a process is slower than all that follow.
        await Step(name, options, every, 1);
        double once = (await Step(name, options, every, 1)).Time;
        int rounds = Math.Max(2, (int)Math.Ceiling(1.5 / (once * every)));
        var (without, with) = (new (double Time, double Cpu)[turns], new (double Time, double Cpu)[turns]);
        var saved = new List<double>();
        for (int turn = 0; turn < turns; turn++)
        {
            // Which goes first changes, so that a drift of the machine favours neither.
            if (turn % 2 == 0) without[turn] = await Step(name, options, every, rounds);
            with[turn] = await Step(name, saving, every, rounds, saved);
            if (turn % 2 == 1) without[turn] = await Step(name, options, every, rounds);
        }
        long bytes = Directory.EnumerateFiles(saving.Checkpoints.Folder.Path).Max(file => new FileInfo(file).Length);
        double[] ratios = [.. with.Select((cost, turn) => cost.Time / without[turn].Time)], cpu = [.. with.Select((cost, turn) => cost.Cpu / without[turn].Cpu)];
        Measure.Print(("workload", name), ("workers", workers), ("every", every), ("checkpoint_bytes", bytes), ("checkpoint_ms", Median(saved)),
            ("ms_per_step_without", Median(without.Select(cost => cost.Time)) * 1e3), ("ms_per_step_with", Median(with.Select(cost => cost.Time)) * 1e3),
            ("slower_percent", Percent(Median(ratios))), ("least_percent", Percent(ratios.Min())), ("most_percent", Percent(ratios.Max())),
            ("cpu_ms_per_step_without", Median(without.Select(cost => cost.Cpu)) * 1e3), ("more_cpu_percent", Percent(Median(cpu))), ("turns", turns), ("steps_per_turn", rounds * every));
    }

    private static double Percent(double ratio) => (ratio - 1) * 100;

    /// <summary>Seconds and processor seconds per step, over a number of checkpoint intervals after the warm-up.</summary>
    private static async Task<(double Time, double Cpu)> Step(string name, ClusterOptions options, int every, int rounds, List<double>? saved = null)
    {
        var named = NamedModels.Find(name);
        var job = LocalCommand.Job(name, named, options.Workers, named.BatchPerWorker * options.Workers);
        long began = 0, end = WarmUp + (long)rounds * every;
        double seconds = 0;
        var (cpuBegan, cpu) = (TimeSpan.Zero, TimeSpan.Zero);
        using var stop = new CancellationTokenSource();
        await using var cluster = new LocalCluster(ClusterJob.From(job), options, happened =>
        {
            if (happened is RunEvent.CheckpointDone checkpoint) saved?.Add(checkpoint.Milliseconds);
            if (happened is not RunEvent.StepDone { Step: var step }) return;
            if (step == WarmUp) (began, cpuBegan) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            if (step != end) return;
            (seconds, cpu) = (Stopwatch.GetElapsedTime(began).TotalSeconds, Environment.CpuUsage.TotalTime - cpuBegan);
            stop.Cancel();
        });
        var result = await cluster.RunAsync(stop.Token);
        if (result.Last is RunEvent.Failed failed) throw new InvalidOperationException(failed.Error);
        return (seconds / (rounds * every), cpu.TotalSeconds / (rounds * every));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2];
    }
}
