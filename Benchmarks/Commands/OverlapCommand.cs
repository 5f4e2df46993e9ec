using DistTrain.Coordinator;
using DistTrain.Nn.Models;
using DistTrain.Simd;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// How much of the exchange lies beside computing: the named workloads on a local cluster with a timeline. Of each kind of work its milliseconds a step and the share of them that lies beside some worker's forward or backward; then what
/// a step's time goes to: somebody computes; nobody does, and this is what goes on; nothing goes on.
/// </summary>
internal static class OverlapCommand
{
    private const int Steps = 150;

    public static int Run(string[] args)
    {
        int workers = Environment.ProcessorCount, servers = 1, bucketBytes = 1 << 20;
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal)) names.Add(args[i]);
            else if (++i >= args.Length || !int.TryParse(args[i], out int value) || value < 1 || args[i - 1] is not ("--workers" or "--servers" or "--bucket-bytes"))
            {
                Console.Error.WriteLine("overlap: give --workers n, --servers k, --bucket-bytes n (1 or more), and workloads");
                return 2;
            }
            else if (args[i - 1] == "--workers") workers = value;
            else if (args[i - 1] == "--servers") servers = value;
            else bucketBytes = value;
        }
        var options = new ClusterOptions { Workers = workers, Servers = servers, BucketBytes = bucketBytes };
        foreach (string name in names.Count > 0 ? names : ["mlp", "mlp-wide", "cnn", "char-gpt"]) Record(name, options).GetAwaiter().GetResult();
        return 0;
    }

    private static async Task Record(string name, ClusterOptions options)
    {
        var named = NamedModels.Find(name);
        var job = LocalCommand.Job(name, named, options.Workers, named.BatchPerWorker * options.Workers);
        string path = Path.Combine(Path.GetTempPath(), $"overlap-{Guid.NewGuid():N}.json");
        using var stop = new CancellationTokenSource();
        RunResult result;
        try
        {
            await using var cluster = new LocalCluster(ClusterJob.From(job), options with { TracePath = path }, e =>
            {
                if (e is RunEvent.StepDone { Step: Steps }) stop.Cancel();
            });
            result = await cluster.RunAsync(stop.Token);
            if (result.Last is RunEvent.Failed failed) throw new InvalidOperationException(failed.Error);
        }
        finally
        {
            File.Delete(path);
        }
        var summary = result.Timeline ?? throw new InvalidOperationException($"{name}: no whole step was recorded");
        List<(string, object?)> line = [("workload", name), ("workers", options.Workers), ("servers", options.Servers), ("bucket_bytes", options.BucketBytes), ("numerics", Numerics.Name(Numerics.Level)), ("steps", summary.Steps), ("ms_per_step", summary.MillisecondsPerStep)];
        foreach (string kind in TimelineSummary.Kinds) line.AddRange([($"{kind}_ms", summary.MillisecondsOf(kind)), ($"{kind}_beside_computing", summary.Beside(kind))]);
        line.Add(("computing", summary.Computing));
        foreach (string kind in TimelineSummary.Kinds) line.Add(($"only_{kind}", summary.Alone(kind)));
        line.AddRange([("nothing", summary.Nothing), ("a_worker_computes", summary.WorkerComputes)]);
        Measure.Print([.. line]);
    }
}
