using System.Globalization;
using DistTrain.Benchmarks.Processes;
using DistTrain.Coordinator;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>throttled</c>: the step time of a job over a link of 1 Gbit/s between network namespaces, under codecs and other settings that save bytes, beside the bound that the bandwidth sets:
/// max(compute, n·M/B) + one bucket's round trip, where M is what a worker sends or gets, whichever is more, B the link's bytes per second, and n the workers.
/// </summary>
internal static class ThrottledCommand
{
    private const int Workers = 2;

    private const int SmallBucket = 256 << 10;

    private static readonly (string Name, string Options)[] Settings =
    [
        ("none", ""),
        ("small-buckets", $"--bucket-bytes {SmallBucket}"),
        ("bf16", "--codec bf16 --weights-codec bf16"),
        ("int8", "--codec int8 --weights-codec bf16"),
        ("topk:0.01", "--codec topk:0.01 --weights-codec bf16"),
        ("local:16", "--consistency local:16"),
    ];

    /// <summary>Arguments: the workload, Mbit/s, settings by name.</summary>
    public static int Run(string[] args)
    {
        if (ThrottledLink.Obstacle is { } obstacle)
        {
            Console.Error.WriteLine($"throttled {obstacle}");
            return 2;
        }
        string workload = args.Length > 0 ? args[0] : "mlp-wide";
        int megabits = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1000;
        using var link = new ThrottledLink(megabits);
        // The namespaces share /dev/shm: without this, tensors would not take the link.
        var place = new Place(Workers, "--insecure --channel tcp", $"--host {link.WorkersHost} --insecure --channel tcp", link.CoordinatorHost, link.Coordinator, link.Workers);
        foreach (var (name, options) in Settings.Where(setting => args.Length < 3 || args[2..].Contains(setting.Name)))
        {
            // Without a throttle the same processes need this long: computing, reducing, copying.
            var free = ServedJob.RunAsync(workload, new Place(Workers, $"--channel tcp {options}", "--channel tcp")).GetAwaiter().GetResult();
            var slow = ServedJob.RunAsync(workload, place with { ServeOptions = $"{place.ServeOptions} {options}" }, warmUpSeconds: 6, roundSeconds: 4).GetAwaiter().GetResult();
            Report(workload, name, link, free, slow);
        }
        return 0;
    }

    private static void Report(string workload, string setting, ThrottledLink link, Served free, Served slow)
    {
        int steps = setting.StartsWith("local:", StringComparison.Ordinal) ? ((Consistency.Local)Consistency.Parse(setting)).Steps : 1;
        var (up, down) = BytesOf(slow);
        int bucketBytes = setting == "small-buckets" ? SmallBucket : new ClusterOptions().BucketBytes;
        double share = Math.Min(1, bucketBytes / (slow.Started.GetProperty("parameters").GetInt64() * 4.0));
        // Each worker's bucket goes up, and the stepped one comes down to each.
        double trip = (up + down) * share / link.BytesPerSecond, wire = Math.Max(up, down) / link.BytesPerSecond;
        // A round of local steps sends nothing before its last one is done.
        double bound = steps == 1 ? Math.Max(free.SecondsPerStep, wire) + trip : free.SecondsPerStep + (wire + trip) / steps;
        Measure.Print(
            ("workload", "throttled"), ("model", workload), ("setting", setting), ("workers", Workers), ("link_mb_per_s", link.BytesPerSecond / 1e6), ("bytes_up", up), ("bytes_down", down), ("bucket_bytes", bucketBytes),
            ("compute_ms", free.SecondsPerStep * 1e3), ("wire_ms", wire * 1e3 / steps), ("bucket_trip_ms", trip * 1e3 / steps), ("bound_ms", bound * 1e3), ("ms_per_step", slow.SecondsPerStep * 1e3), ("of_bound", slow.SecondsPerStep / bound),
            ("warned_of", slow.Warning is { } warning && warning.TryGetProperty("setting", out var proposed) ? proposed.GetString() : null), ("predicted_gain", slow.Warning is { } told && told.TryGetProperty("predicted_gain", out var gain) ? gain.GetDouble() : null),
            ("formula", steps == 1 ? "max(compute, wire) + bucket_trip" : $"compute + (wire + bucket_trip) / {steps}"));
    }

    /// <summary>Bytes of gradients and of weights in a step, over all workers.</summary>
    private static (double Up, double Down) BytesOf(Served served)
    {
        double all = served.Started.GetProperty("bytes_per_step").GetInt64(), floats = served.Started.GetProperty("parameters").GetInt64();
        bool half = served.Started.TryGetProperty("weights_codec", out _);
        double down = Workers * floats * (half ? 2 : 4);
        return (all - down, down);
    }
}
