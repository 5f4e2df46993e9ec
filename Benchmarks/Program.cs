using DistTrain;
using DistTrain.Benchmarks.Commands;

// One command per file in Commands/: a name, a line of help, and what it runs. Results are JSON lines on stdout.
(string Name, string Help, Func<string[], int> Run)[] commands =
[
    ("peak", "multiply-add peak of one core and memory bandwidth", PeakCommand.Run),
    ("gemm", "matrix products: square ones and a worker's shapes", GemmCommand.Run),
    ("steps", "training steps of the named workloads: steps [workload...] [--steps n] [--threads n]", StepsCommand.Run),
    ("local", "training on a local cluster: local [workload...] [--workers n] [--servers k] [--bucket-bytes n] [--threads-per-worker n]", LocalCommand.Run),
    ("overlap", "how much of the exchange lies beside computing, from the timeline of a local cluster: overlap [workload...] [--workers n] [--servers k] [--bucket-bytes n]", OverlapCommand.Run),
    ("processes", "coordinator and workers as processes, by serve and join: processes [workload...] [--workers n] [--options \"...\"]", ProcessesCommand.Run),
    ("checkpoints", "what a checkpoint every 50 steps costs: checkpoints [workload...] [--workers n] [--every n] [--turns n] [--dir folder]", CheckpointsCommand.Run),
    ("throttled", "step time over a link of 1 Gbit/s between network namespaces, beside its bound: throttled [workload] [Mbit/s] [setting...]; needs root", ThrottledCommand.Run),
    ("heartbeats", "the control plane while a large model travels: heartbeats [seconds] [megabytes] [channel]", HeartbeatsCommand.Run),
    ("scale", "coordinator and server with 1 to 256 simulated workers, and the reduction beside the memory bound", ScaleCommand.Run),
    ("accuracy", "what consistency modes reach: accuracy <model> <data> <epochs> <first seed> <seeds> <mode>...", AccuracyCommand.Run),
    ("stragglers", "time to 95 % accuracy with slow workers, in each consistency mode: stragglers [seeds]", StragglersCommand.Run),
    ("kernels", "each compute kernel as a share of its bound", KernelsCommand.Run),
    ("channel", "tensor channels one way, beside a bare socket and a memory copy: channel [seconds per measurement]", ChannelCommand.Run),
    ("codecs", "gradient codecs on a 4 MiB bucket: codecs [codec...]", CodecsCommand.Run),
    ("codec-training", "accuracy and bytes under codecs: codec-training <model> <data> <epochs> <seeds> <gradients>/<weights>...", CodecTrainingCommand.Run),
    ("bdn", "BenchmarkDotNet on the kernels; takes its arguments, e.g. --filter '*Gemm*'", BdnCommand.Run),
    ("vector-digest", "a digest of every bandwidth-bound kernel's results: the same on every machine", VectorDigestCommand.Run),
    ("digest", "a digest of every compute kernel's results at a numerics level", DigestCommand.Run),
];

var chosen = args.Length == 0 ? default : Array.Find(commands, command => command.Name == args[0]);
if (chosen.Run != null)
{
    try
    {
        return chosen.Run(args[1..]);
    }
    catch (UserErrorException error)
    {
        Console.Error.WriteLine($"{chosen.Name}: {error.Message}");
        return 2;
    }
}

Console.Error.WriteLine(args.Length == 0 ? "Benchmarks: which one?" : $"Benchmarks: no command '{args[0]}'; expected one of:");
foreach (var (name, help, _) in commands) Console.Error.WriteLine($"  {name,-10} {help}");
return 2;
