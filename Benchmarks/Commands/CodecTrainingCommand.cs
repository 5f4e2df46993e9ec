using System.Globalization;
using DistTrain.Coordinator;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>codec-training</c>: what codecs cost in accuracy and save in bytes. Trains a model through each pair of codecs, over the same seeds, on a local cluster of two workers and two shards.
/// </summary>
internal static class CodecTrainingCommand
{
    private const int Workers = 2;

    /// <summary>Arguments: model, data, epochs, seeds, then pairs such as <c>int8/bf16</c> (gradients/weights).</summary>
    public static int Run(string[] args)
    {
        if (args.Length < 5)
        {
            Console.Error.WriteLine("codec-training <model> <data> <epochs> <seeds> <gradients>/<weights>..., such as: codec-training mlp digits 3 5 none/none int8/bf16 topk:0.01/none");
            return 2;
        }
        int seeds = int.Parse(args[3], CultureInfo.InvariantCulture);
        foreach (string pair in args[4..])
        {
            var (codec, weightsCodec) = (CodecSpec.ParseGradient(pair.Split('/')[0]), CodecSpec.ParseWeights(pair.Split('/')[1]));
            double accuracy = 0, loss = 0;
            Traffic traffic = default;
            for (int seed = 0; seed < seeds; seed++)
            {
                var options = new JobOptions { Model = args[0], Data = args[1], Epochs = int.Parse(args[2], CultureInfo.InvariantCulture), Seed = (ulong)seed, Shards = Workers };
                var job = ClusterJob.From(JobBuilder.Build(options, Workers)) with { Codec = codec, WeightsCodec = weightsCodec };
                var totals = Train(job, out traffic);
                accuracy += (totals.TestAccuracy ?? double.NaN) / seeds;
                loss += (totals.TestLoss ?? double.NaN) / seeds;
            }
            Measure.Print(
                ("workload", "codec-training"), ("model", args[0]), ("data", args[1]), ("codec", codec.ToString()), ("weights_codec", weightsCodec.ToString()), ("seeds", seeds),
                ("gradient_bytes_per_step", traffic.GradientBytes), ("weight_bytes_per_step", traffic.WeightBytes), ("test_accuracy", double.IsNaN(accuracy) ? null : accuracy), ("test_loss", loss));
        }
        return 0;
    }

    private static RunTotals Train(ClusterJob job, out Traffic traffic)
    {
        var cluster = new LocalCluster(job, new ClusterOptions { Workers = Workers });
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
