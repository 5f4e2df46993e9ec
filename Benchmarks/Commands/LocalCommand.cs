using System.Diagnostics;
using DistTrain.Coordinator;
using DistTrain.Data;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Simd;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// The named workloads on a local cluster, as the command <c>local</c> runs them: coordinator, server and workers as actors, every step's gradients reduced and stepped, no codec. The figure is the best of three rounds of at least a second, once the code is compiled.
/// </summary>
internal static class LocalCommand
{
    private const int WarmUp = 30;
    private const double WarmUpSeconds = 2;

    public static int Run(string[] args)
    {
        int workers = Environment.ProcessorCount, servers = 1, threads = 1, bucketBytes = new ClusterOptions().BucketBytes;
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal)) names.Add(args[i]);
            else if (++i >= args.Length || !int.TryParse(args[i], out int value) || value < 1 || args[i - 1] is not ("--workers" or "--servers" or "--bucket-bytes" or "--threads-per-worker"))
            {
                Console.Error.WriteLine("local: give --workers n, --servers k, --bucket-bytes n, --threads-per-worker n (1 or more), and workloads");
                return 2;
            }
            else if (args[i - 1] == "--workers") workers = value;
            else if (args[i - 1] == "--servers") servers = value;
            else if (args[i - 1] == "--threads-per-worker") threads = value;
            else bucketBytes = value;
        }
        var options = new ClusterOptions { Workers = workers, ThreadsPerWorker = threads, Servers = servers, BucketBytes = bucketBytes };
        foreach (string name in names.Count > 0 ? names : ["mlp", "mlp-wide", "cnn", "char-gpt"]) Time(name, options).GetAwaiter().GetResult();
        return 0;
    }

    private static async Task Time(string name, ClusterOptions options)
    {
        var named = NamedModels.Find(name);
        int batch = named.BatchPerWorker * options.Workers;
        var job = Job(name, named, options.Workers, batch);
        var rounds = new Rounds();
        using var stop = new CancellationTokenSource();
        await using var cluster = new LocalCluster(ClusterJob.From(job), options, e =>
        {
            if (e is RunEvent.StepDone step && rounds.Done(step.Step)) stop.Cancel();
        });
        long parameters = ClusterJob.From(job).Layout.ParameterCount;
        var result = await cluster.RunAsync(stop.Token);
        if (result.Last is RunEvent.Failed failed) throw new InvalidOperationException(failed.Error);
        Measure.Print(("workload", name), ("processes", 1), ("workers", options.Workers), ("threads", options.Workers * options.ThreadsPerWorker), ("numerics", Numerics.Name(Numerics.Level)), ("batch_per_process", batch),
            ("parameters", parameters), ("ms_per_step", rounds.Best * 1e3), ("samples_per_s", batch / rounds.Best), ("allocated_bytes_per_step", rounds.AllocatedPerStep), ("steps", result.Steps), ("weights_sha256", result.WeightsSha256));
    }

    internal static TrainingJob Job(string name, NamedModel named, int shards, int batch)
    {
        bool text = name == "char-gpt";
        int[] shape = text ? [64] : name.StartsWith("cnn", StringComparison.Ordinal) ? [1, 28, 28] : [784];
        int classes = text ? 65 : 10;
        return new TrainingJob
        {
            Name = name,
            Model = () => named.Build(new ModelOptions(shape, classes)),
            Data = new DataSplit(name, Samples(text, shape, classes, batch * 16), null),
            Optimizer = text ? new AdamWRule(new AdamWOptions()) : new SGDRule(new SGDOptions(Momentum: 0.9)),
            LearningRate = text ? 1e-3 : 0.01,
            BatchSize = batch,
            Shards = shards,
            Epochs = 1_000_000,
        };
    }

    private static ArrayDataset Samples(bool text, int[] shape, int classes, int count)
    {
        int size = 1;
        foreach (int n in shape) size *= n;
        var random = new Random(1);
        if (!text) return new ArrayDataset("random", Data.Random(count * size, 1), SampleSpec.Float32(shape), [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(classes))], classes);
        long[] Tokens() => [.. Enumerable.Range(0, count * size).Select(_ => (long)random.Next(classes))];
        return new ArrayDataset("random", Tokens(), SampleSpec.Int64(shape), Tokens(), SampleSpec.Int64(shape), classes);
    }

    /// <summary>Warm-up, then three rounds of at least a second; the best one counts.</summary>
    private sealed class Rounds
    {
        private long first, began, beganStep, allocated, beganAllocated;
        private int round;

        public double Best { get; private set; } = double.MaxValue;

        public double AllocatedPerStep { get; private set; }

        public bool Done(long step)
        {
            if (round == 3) return true;
            long now = Stopwatch.GetTimestamp();
            if (first == 0) first = now;
            if (began == 0)
            {
                if (step < WarmUp || Stopwatch.GetElapsedTime(first, now).TotalSeconds < WarmUpSeconds) return false;
                (began, beganStep, beganAllocated) = (now, step, GC.GetTotalAllocatedBytes());
                return false;
            }
            double elapsed = Stopwatch.GetElapsedTime(began, now).TotalSeconds;
            if (elapsed < 1) return false;
            allocated = GC.GetTotalAllocatedBytes();
            Best = Math.Min(Best, elapsed / (step - beganStep));
            AllocatedPerStep = (allocated - beganAllocated) / (double)(step - beganStep);
            (began, beganStep, beganAllocated) = (now, step, allocated);
            return ++round == 3;
        }
    }
}
