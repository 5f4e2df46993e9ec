using System.Globalization;
using DistTrain.Coordinator;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>codec-training</c>: what codecs cost in accuracy and loss, and save in bytes. Trains a model through each pair of codecs on a local cluster of two workers and two shards, each pair over the same seeds; the differences to the first pair
/// are taken seed by seed.
/// </summary>
internal static class CodecTrainingCommand
{
    private const int Workers = 2;

    private const string Usage = "codec-training <model> <data> <epochs | n-steps> <seeds> <gradients>/<weights>..., such as: codec-training mlp digits 3 5 none/none int8/bf16 topk:0.01/none, or char-gpt text:<file> 500-steps 5 ...";

    /// <summary>Arguments: model, data, epochs (or steps, as <c>500-steps</c>), seeds, then pairs such as <c>int8/bf16</c> (gradients/weights).</summary>
    public static int Run(string[] args)
    {
        if (args.Length < 5 || !int.TryParse(args[3], NumberStyles.None, CultureInfo.InvariantCulture, out int seeds) || Length(args[2]) is not { } length || args[4..].Any(pair => pair.Split('/').Length != 2))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        var first = new List<RunTotals>();
        foreach (string pair in args[4..])
        {
            var options = length with { Model = args[0], Data = args[1], Shards = Workers, Codec = pair.Split('/')[0], WeightsCodec = pair.Split('/')[1] };
            var totals = new List<RunTotals>();
            Traffic traffic = default;
            for (int seed = 0; seed < seeds; seed++) totals.Add(Train(options with { Seed = (ulong)seed }, out traffic));
            if (first.Count == 0) first = totals;
            var accuracy = Paired(totals, first, t => t.TestAccuracy ?? double.NaN);
            var loss = Paired(totals, first, t => t.TestLoss ?? double.NaN);
            Measure.Print(
                ("workload", "codec-training"), ("model", args[0]), ("data", Path.GetFileName(args[1])), ("codec", options.Codec), ("weights_codec", options.WeightsCodec), ("seeds", seeds),
                ("gradient_bytes_per_step", traffic.GradientBytes), ("weight_bytes_per_step", traffic.WeightBytes),
                ("test_accuracy", accuracy.Mean), ("accuracy_less_first", accuracy.Difference), ("accuracy_less_first_sd", accuracy.Deviation),
                ("test_loss", loss.Mean), ("loss_less_first", loss.Difference), ("loss_less_first_sd", loss.Deviation));
        }
        return 0;
    }

    private static JobOptions? Length(string text)
    {
        bool isSteps = text.EndsWith("-steps", StringComparison.Ordinal);
        if (!int.TryParse(isSteps ? text[..^"-steps".Length] : text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) || length < 1) return null;
        return isSteps ? new JobOptions { MaxSteps = length, Epochs = 1_000_000 } : new JobOptions { Epochs = length };
    }

    /// <summary>The mean, and mean and standard deviation of the differences seed by seed.</summary>
    private static (double Mean, double Difference, double Deviation) Paired(List<RunTotals> totals, List<RunTotals> first, Func<RunTotals, double> figure)
    {
        double[] differences = [.. totals.Zip(first, (total, other) => figure(total) - figure(other))];
        double mean = differences.Average();
        double deviation = differences.Length > 1 ? Math.Sqrt(differences.Sum(d => (d - mean) * (d - mean)) / (differences.Length - 1)) : 0;
        return (totals.Average(figure), mean, deviation);
    }

    private static RunTotals Train(JobOptions options, out Traffic traffic)
    {
        var cluster = new LocalCluster(ClusterJob.From(JobBuilder.Build(options, Workers), options), new ClusterOptions { Workers = Workers });
        try
        {
            traffic = cluster.Traffic;
            var result = cluster.RunAsync().GetAwaiter().GetResult();
            return result.Totals ?? throw new InvalidOperationException($"the run failed: {result.Last}");
        }
        finally
        {
            cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
