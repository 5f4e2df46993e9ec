using System.CommandLine;
using System.Text.Json;
using DistTrain.Coordinator.Simulation;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Coordinator.Commands;

/// <summary><c>simulate</c>: the real actors in virtual time under seeded faults.</summary>
internal static class SimulateCommand
{
    private const string Summary = "Runs the real actors in one thread, in virtual time, under faults drawn from seeds, and checks after each run what must hold whatever happens. A seed replays its run exactly.";

    private static readonly IReadOnlyList<Setting<Asked>> Settings =
    [
        new("seed", "<n>", "Simulation", "The first seed. Default: 1.", (asked, given) => asked with { Options = asked.Options with { Seed = given.Long(0, int.MaxValue) } }) { IsInAppSettings = false },
        new("seeds", "<n>", "Simulation", "How many seeds, one run each. Default: 1000.", (asked, given) => asked with { Options = asked.Options with { Seeds = given.Int(1, int.MaxValue) } }),
        new("workers", "<n>", "Simulation", "Workers at the start. Default: 4.", (asked, given) => asked with { Options = asked.Options with { Workers = given.Int(1, 1024) } }) { IsInAppSettings = false },
        new("faults", "<kinds>", "Simulation", $"all, none or a list of {string.Join(", ", FaultKinds.All.Select(FaultKinds.Name))}. Default: all.", (asked, given) => asked with { Options = asked.Options with { Faults = FaultKinds.Parse(given.Text) } }),
        new("consistency", "<mode>", "Simulation", "bsp, ssp:<s> or async. Default: bsp.", (asked, given) => asked with { Options = asked.Options with { Consistency = Consistency.Parse(given.Text) } }) { IsInAppSettings = false },
        new("servers", "<n>", "Simulation", $"Parameter servers, 1 to {TinyReplica.MostServers}. Default: 1.", (asked, given) => asked with { Options = asked.Options with { Servers = given.Int(1, TinyReplica.MostServers) } }) { IsInAppSettings = false },
        new("bucket-bytes", "<n>", "Simulation", "The largest bucket; 16384 makes four of the small model. Default: 1048576.", (asked, given) => asked with { Options = asked.Options with { BucketBytes = given.Int(1, int.MaxValue) } }) { IsInAppSettings = false },
        new("codec", "<codec>", "Simulation", "How gradients travel: none, bf16, fp16, int8, topk:<share> or powersgd:<rank>. Default: none.", (asked, given) => asked with { Options = asked.Options with { Codec = CodecSpec.ParseGradient(given.Text) } }) { IsInAppSettings = false },
        new("weights-codec", "<codec>", "Simulation", "How weights travel: none, bf16 or fp16. Default: none.", (asked, given) => asked with { Options = asked.Options with { WeightsCodec = CodecSpec.ParseWeights(given.Text) } }) { IsInAppSettings = false },
        new("speculate", "", "Simulation", "Lets idle workers compute what others are slow with.", (asked, given) => asked with { Options = asked.Options with { Speculate = given.Switch() } }) { IsInAppSettings = false },
        new("output", "<format>", "Output", "text or json. Default: text.", (asked, given) => asked with { Json = given.OneOf(["text", "json"]) == "json" }),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("simulate", "Tests the actors in virtual time under seeded faults.");
        var options = new SettingOptions<Asked>(command, Settings, Summary);
        command.SetAction((parsed, stop) => Task.FromResult(Run(options.Bind(parsed, new Asked()), stop)));
        return command;
    }

    private static int Run(Asked asked, CancellationToken stop)
    {
        asked.Options.Validate();
        using var output = Console.OpenStandardOutput();
        void Violation(long seed, IReadOnlyList<Violation> broken)
        {
            foreach (var one in broken)
                if (asked.Json) Write(output, new { @event = "violation", seed, invariant = one.Invariant, what = one.What });
                else Console.WriteLine($"seed {seed}: {one.Invariant}: {one.What}");
        }
        var report = SimulatedCluster.Run(asked.Options, Violation, stop);
        if (asked.Json) Write(output, Line(report));
        else
        {
            Console.WriteLine($"{report.Seeds} seeds, {report.SeedsPerSecond:F0} a second; {string.Join(", ", report.Faults.Select(fault => $"{FaultKinds.Name(fault.Key)} {fault.Value}"))}");
            Console.WriteLine(report.Violations.Count == 0 ? "every promise was kept" : $"{report.Violations.Count} promises were broken; --seed n --seeds 1 replays one");
            Console.WriteLine($"trace {report.TraceSha256}");
        }
        return report.Violations.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static Dictionary<string, object> Line(SimulationReport report) => new()
    {
        ["event"] = "finished",
        ["seeds"] = report.Seeds,
        ["seeds_per_s"] = Math.Round(report.SeedsPerSecond, 1),
        ["faults"] = report.Faults.ToDictionary(fault => FaultKinds.Name(fault.Key), fault => fault.Value),
        ["violations"] = report.Violations.Select(broken => new { seed = broken.Seed, invariant = broken.Invariant }).ToArray(),
        ["trace_sha256"] = report.TraceSha256,
    };

    private static void Write(Stream output, object line)
    {
        output.Write([.. JsonSerializer.SerializeToUtf8Bytes(line), (byte)'\n']);
        output.Flush();
    }

    private sealed record Asked
    {
        public SimulationOptions Options { get; init; } = new();

        public bool Json { get; init; }
    }
}
