using System.Globalization;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Simulation;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>stragglers</c>: time until the built-in digits are told apart with 95 % accuracy by four workers of which some are slow, in each consistency mode. The real actors train the real model in virtual time: a piece takes a worker 5 ms, a slow
/// one 25 ms, a message 0.1 to 0.5 ms, whatever the machine and its load, and the same seeds give the same figures.
/// </summary>
internal static class StragglersCommand
{
    private const int Workers = 4, Microseconds = 5_000, Factor = 5;
    private const double Target = 0.95;

    private static readonly (string Name, Func<int, Random, bool> IsSlow)[] Scenarios =
    [
        ("none", (_, _) => false),
        ("one worker, a random fifth of its pieces", (worker, random) => worker == 0 && random.NextDouble() < 0.2),
        ("every worker, a random twentieth of its pieces", (_, random) => random.NextDouble() < 0.05),
        ("one worker, for good", (worker, _) => worker == 0),
    ];

    private static readonly (string Name, Consistency Mode, bool Speculate)[] Modes =
    [
        ("bsp", new Consistency.Bsp(), false), ("bsp --speculate", new Consistency.Bsp(), true), ("ssp:4", new Consistency.Ssp(4), false), ("async", new Consistency.Async(), false),
    ];

    public static int Run(string[] args)
    {
        // No momentum: late gradients overshoot with it (docs/consistency.md).
        int seeds = 3;
        double rate = 0.05, momentum = 0;
        int only = 0;
        bool isRight = args.Length <= 3 && (args.Length < 1 || (int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out seeds) && seeds > 0));
        isRight &= args.Length < 3 || (int.TryParse(args[2], NumberStyles.None, CultureInfo.InvariantCulture, out only) && only >= 1 && only <= Scenarios.Length);
        string[] setting = args.Length > 1 ? args[1].Split('/') : ["0.05"];
        isRight &= setting.Length <= 2 && double.TryParse(setting[0], CultureInfo.InvariantCulture, out rate) && (setting.Length < 2 || double.TryParse(setting[1], CultureInfo.InvariantCulture, out momentum));
        if (!isRight)
        {
            Console.Error.WriteLine($"stragglers [seeds [rate[/momentum] [scenario]]]: seeds for each mode, 1 or more, default 3; learning rate and momentum of all modes, default 0.05/0; one of the {Scenarios.Length} scenarios, by number, default all");
            return 2;
        }
        using var host = new SimulationHost();
        foreach (var (scenario, isSlow) in only == 0 ? Scenarios : [Scenarios[only - 1]])
        {
            double[] bsp = [];
            foreach (var (name, mode, speculate) in Modes)
            {
                double[] seconds = new double[seeds], samples = new double[seeds];
                for (int seed = 0; seed < seeds; seed++) (seconds[seed], samples[seed]) = TimeToTarget(host, mode, speculate, seed, isSlow, rate, momentum);
                if (bsp.Length == 0) bsp = seconds;
                // The same seed is the same data, start and stalls in every mode.
                double[] gains = [.. bsp.Zip(seconds, (before, now) => before / now)];
                Measure.Print(
                    ("workload", "stragglers"), ("slow", scenario), ("learning_rate", rate), ("momentum", momentum), ("mode", name), ("seeds", seeds), ("virtual_seconds_to_95_percent", seconds.Average()), ("times_as_fast_as_bsp", gains.Average()),
                    ("least", gains.Min()), ("most", gains.Max()), ("seeds_faster_than_bsp", gains.Count(gain => gain > 1)), ("samples", samples.Average()), ("virtual_ms_per_batch", seconds.Sum() * 1e3 / (samples.Sum() / Batch)));
            }
        }
        return 0;
    }

    private const int Batch = 64;

    private static (double Seconds, double Samples) TimeToTarget(SimulationHost host, Consistency mode, bool speculate, int seed, Func<int, Random, bool> isSlow, double rate, double momentum)
    {
        var asked = new JobOptions { Model = "mlp", Data = "digits:4096,512", BatchSize = Batch, Shards = Workers, Epochs = 60, LearningRate = rate, Momentum = momentum, Seed = (ulong)seed };
        var training = JobBuilder.Build(asked, Workers);
        double reached = 0, samples = 0, before = 0, accuracy = 0;
        long epochs = 0;
        var options = new SimulationOptions
        {
            Workers = Workers, Shards = Workers, Faults = [], Consistency = mode, Speculate = speculate, GiveUpMicroseconds = 600_000_000,
            ComputeMicroseconds = worker =>
            {
                var random = new Random(seed * 1000 + worker);
                return () => isSlow(worker, random) ? Microseconds * Factor : Microseconds;
            },
            Until = (epoch, now) =>
            {
                epochs++;
                double reachedNow = epoch.TestAccuracy ?? 0;
                if (reachedNow < Target)
                {
                    (before, accuracy) = (now.TotalSeconds, reachedNow);
                    return false;
                }
                // Between two epochs, where a straight line crosses the target.
                double share = (Target - accuracy) / (reachedNow - accuracy);
                reached = before + (now.TotalSeconds - before) * share;
                samples = (epochs - 1 + share) * 4096;
                return true;
            },
        };
        using var trace = new SimulationTrace();
        new SimulatedRun(host, options, seed, trace, ClusterJob.From(training)).Run(null);
        if (reached == 0) throw new InvalidOperationException($"{mode}, seed {seed}: 95 % was not reached in {epochs} epochs");
        return (reached, samples);
    }
}
