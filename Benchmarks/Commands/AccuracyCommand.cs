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
        if (args.Length < 6 || !Whole(args[2], out int epochs) || !Whole(args[3], out int first) || !Whole(args[4], out int seeds) || seeds < 1) return WrongUsage();
        var modes = args[5..].Select(text => (Text: text, Mode: Read(text))).ToList();
        if (modes.Any(mode => mode.Mode is null)) return WrongUsage();
        foreach (var (text, mode) in modes)
        {
            var (asked, lateBy) = mode!.Value;
            bool late = lateBy is not null;
            var options = asked with { Model = args[0], Data = args[1], Epochs = epochs, Shards = Workers };
            double sum = 0, least = 1;
            long bytes = 0;
            for (int seed = first; seed < first + seeds; seed++)
            {
                var job = JobBuilder.Build(options with { Seed = (ulong)seed }, Workers);
                double accuracy = late ? PlainLoop(job with { Shards = 1 }, lateBy!.Value) : OnCluster(job, out bytes);
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

    private static int WrongUsage()
    {
        Console.Error.WriteLine(Usage);
        return 2;
    }

    /// <summary>A mode as options, and by how many steps gradients are late; null for what is no mode.</summary>
    private static (JobOptions Options, int? Late)? Read(string text)
    {
        string[] parts = text.Split('@'), mode = parts[0].Split('/');
        var options = new JobOptions();
        if (parts.Length > 2 || mode.Length is not (1 or 3)) return null;
        if (parts.Length == 2)
        {
            if (parts[1].Split('/') is not [var rateText, var momentumText] || !Number(rateText, out double rate) || !Number(momentumText, out double momentum)) return null;
            options = options with { LearningRate = rate, Momentum = momentum };
        }
        if (mode.Length == 3)
        {
            if (!Number(mode[1], out double outerRate) || !Number(mode[2], out double outerMomentum)) return null;
            options = options with { OuterLearningRate = outerRate, OuterMomentum = outerMomentum };
        }
        if (!mode[0].StartsWith("late:", StringComparison.Ordinal)) return (options with { Consistency = Consistency.Parse(mode[0]) }, null);
        return Whole(mode[0][5..], out int late) ? (options, late) : null;
    }

    private static bool Whole(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool Number(string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
