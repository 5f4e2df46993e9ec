using System.Globalization;
using DistTrain.Coordinator;
using DistTrain.Optim;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>accuracy</c>: what each consistency mode reaches at the same number of samples, over the same seeds, on a local cluster of two workers and two shards; and, as a yardstick for stale gradients, a plain loop whose gradients are late by a
/// fixed number of steps.
/// </summary>
internal static class AccuracyCommand
{
    private const string Usage = "accuracy <model> <data> <epochs> <first seed> <seeds> <mode>..., a mode such as bsp, ssp:2, local:16, local:16/0.7/0.3 (outer rate and momentum), late:2 (a plain loop); after @ a learning rate and a momentum: ssp:2@0.05/0.5";

    private const int Workers = 2;

    public static int Run(string[] args)
    {
        if (args.Length < 6)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        int first = int.Parse(args[3], CultureInfo.InvariantCulture), seeds = int.Parse(args[4], CultureInfo.InvariantCulture);
        foreach (string text in args[5..])
        {
            string[] parts = text.Split('@');
            string[] mode = parts[0].Split('/');
            var options = new JobOptions { Model = args[0], Data = args[1], Epochs = int.Parse(args[2], CultureInfo.InvariantCulture), Shards = Workers };
            if (parts.Length > 1) options = options with { LearningRate = Number(parts[1].Split('/')[0]), Momentum = Number(parts[1].Split('/')[1]) };
            if (mode.Length > 2) options = options with { OuterLearningRate = Number(mode[1]), OuterMomentum = Number(mode[2]) };
            bool late = mode[0].StartsWith("late:", StringComparison.Ordinal);
            if (!late) options = options with { Consistency = Consistency.Parse(mode[0]) };
            double sum = 0, least = 1;
            long bytes = 0;
            for (int seed = first; seed < first + seeds; seed++)
            {
                var job = JobBuilder.Build(options with { Seed = (ulong)seed }, Workers);
                double accuracy = late ? PlainLoop(job with { Shards = 1 }, int.Parse(mode[0][5..], CultureInfo.InvariantCulture)) : OnCluster(job, out bytes);
                sum += accuracy;
                least = Math.Min(least, accuracy);
            }
            Measure.Print(
                ("workload", "accuracy"), ("model", args[0]), ("data", Path.GetFileName(args[1])), ("epochs", options.Epochs), ("mode", text), ("seeds", $"{first}-{first + seeds - 1}"),
                ("test_accuracy", sum / seeds), ("least", least), ("gradient_bytes_per_worker", late ? null : bytes));
        }
        return 0;
    }

    private static double OnCluster(TrainingJob training, out long bytes)
    {
        var job = ClusterJob.From(training);
        var cluster = new LocalCluster(job, new ClusterOptions { Workers = Workers });
        try
        {
            // A worker hands in once per clock.
            bytes = new ClockPlan(job.Plan, job.Consistency).Count * cluster.Traffic.GradientBytes / Workers;
            var result = cluster.RunAsync().GetAwaiter().GetResult();
            return result.Totals?.TestAccuracy ?? throw new InvalidOperationException($"the run failed: {result.Last}");
        }
        finally
        {
            cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>One process, one shard; the gradient of a step is computed on the weights of <paramref name="late"/> steps before.</summary>
    private static double PlainLoop(TrainingJob job, int late)
    {
        using var replica = new ModelReplica(job);
        var plan = job.Plan();
        var versions = new FloatBuffer[late + 2];
        for (int i = 0; i < versions.Length; i++) versions[i] = replica.InitialValues();
        var gradient = new FloatBuffer(replica.Layout.Length);
        FloatBuffer[] state = [.. replica.UpdateRule.StateNames.Select(_ => new FloatBuffer(replica.Layout.Length))];
        FloatBuffer At(long version) => versions[Math.Max(0, version) % versions.Length];
        for (long step = 0; step < plan.TotalSteps; step++)
        {
            replica.Compute(plan.PieceAt(step, 0), At(step - late), gradient, null);
            replica.UpdateRule.Apply(step + 1, job.LearningRateAt(step), 1f, At(step).Span, gradient.Span, new StateSlices(state, 0, gradient.Length), At(step + 1).Span);
        }
        var found = new MetricSum();
        for (int slice = 0; slice < plan.EvaluationSlices; slice++) found.Add(replica.Evaluate(slice, At(plan.TotalSteps)));
        return found.Accuracy ?? double.NaN;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
