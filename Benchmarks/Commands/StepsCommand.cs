using System.Diagnostics;
using DistTrain.Nn;
using DistTrain.Nn.Models;
using DistTrain.Optim;
using DistTrain.Autograd;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// Training steps of the named workloads: forget gradients, forward, loss, backward, optimizer step, on a fixed batch already in memory, on one thread unless <c>--threads</c> asks for more. The figure is
/// the best of three rounds. Then <c>--steps</c> more are taken, over which allocation is counted to the byte and the growth of resident memory is measured.
/// </summary>
internal static class StepsCommand
{
    public static int Run(string[] args)
    {
        int counted = 100, threads = 1;
        var names = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] is not ("--steps" or "--threads")) names.Add(args[i]);
            else if (++i >= args.Length || !int.TryParse(args[i], out int value) || value < 1)
            {
                Console.Error.WriteLine($"steps: {args[Math.Min(i, args.Length) - 1]} takes a number, 1 or more: --steps to watch memory over, --threads to share kernels among");
                return 2;
            }
            else if (args[i - 1] == "--steps") counted = value;
            else threads = value;
        }
        using var shared = threads > 1 ? new KernelThreads(threads) : null;
        using var loan = KernelThreads.Lend(shared);
        foreach (string name in names.Count > 0 ? names : ["mlp", "mlp-wide", "cnn", "char-gpt"]) Time(new Workload(name), counted);
        return 0;
    }

    private static void Time(Workload work, int counted)
    {
        for (int i = 0; i < 10; i++) work.Step();
        var watch = Stopwatch.StartNew();
        work.Step();
        int count = Math.Max(10, (int)(1.0 / watch.Elapsed.TotalSeconds));
        double best = double.MaxValue;
        for (int round = 0; round < 3; round++)
        {
            watch.Restart();
            for (int i = 0; i < count; i++) work.Step();
            best = Math.Min(best, watch.Elapsed.TotalSeconds / count);
        }
        _ = Watch(work, 1); // the first use of the two counters loads code of their own: megabytes that are not the steps'
        var (perStep, growth) = Watch(work, counted);
        Measure.Print(("workload", work.Name), ("processes", 1), ("threads", KernelThreads.Current?.Count ?? 1), ("numerics", Numerics.Name(Numerics.Level)), ("batch_per_process", work.Batch), ("parameters", work.Parameters),
            ("ms_per_step", best * 1e3), ("samples_per_s", work.Batch / best), ("counted_steps", counted), ("allocated_bytes_per_step", perStep), ("rss_growth_percent", Math.Round(growth, 2)));
    }

    /// <summary>Managed bytes allocated per step and growth of resident memory in percent, over <paramref name="steps"/> steps.</summary>
    private static (double BytesPerStep, double GrowthPercent) Watch(Workload work, int steps)
    {
        long resident = ResidentBytes(), allocated = GC.GetTotalAllocatedBytes(true);
        for (int i = 0; i < steps; i++) work.Step();
        double bytes = GC.GetTotalAllocatedBytes(true) - allocated;
        return (bytes / steps, 100.0 * (ResidentBytes() - resident) / resident);
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    /// <summary>A named model on a fixed batch, its parameters in one flat buffer, its tensors from an arena: as a worker runs it.</summary>
    private sealed class Workload
    {
        private readonly Module model;
        private readonly FlatModel flat;
        private readonly FloatBuffer weights;
        private readonly FloatBuffer gradient;
        private readonly FloatBuffer[] state;
        private readonly UpdateRule rule;
        private readonly StepArena arena = new();
        private readonly Tensor input;
        private readonly Tensor target;
        private readonly Loss loss = new CrossEntropyLoss();
        private readonly double learningRate;
        private long step;

        public Workload(string name)
        {
            var named = NamedModels.Find(name);
            bool text = name == "char-gpt";
            Name = name;
            Batch = named.BatchPerWorker;
            RandomSource.ManualSeed(0);
            int[] shape = text ? [64] : name.StartsWith("cnn", StringComparison.Ordinal) ? [1, 28, 28] : [784];
            int classes = text ? 65 : 10;
            model = named.Build(new ModelOptions(shape, classes));
            model.AssignNumbers();
            flat = new FlatModel(model);
            weights = flat.CopyValues();
            gradient = new FloatBuffer(flat.Layout.Length);
            rule = text ? new AdamWRule(new AdamWOptions()) : new SGDRule(new SGDOptions(Momentum: 0.9));
            learningRate = text ? 1e-3 : 0.01;
            state = [.. rule.StateNames.Select(_ => new FloatBuffer(flat.Layout.Length))];
            var key = RandomKey.Create(1, 2);
            long[] labels = new long[text ? Batch * 64 : Batch];
            for (int i = 0; i < labels.Length; i++) labels[i] = (long)Philox.Below(key, (ulong)i, (ulong)classes);
            target = Tensor.From(labels, text ? new Shape(Batch, 64) : new Shape(Batch));
            if (text)
            {
                long[] tokens = new long[Batch * 64];
                for (int i = 0; i < tokens.Length; i++) tokens[i] = (long)Philox.Below(key, (ulong)(100_000 + i), 65);
                input = Tensor.From(tokens, new Shape(Batch, 64));
            }
            else
            {
                input = Init.Normal(new Shape([Batch, .. shape]));
            }
        }

        public string Name { get; }

        public int Batch { get; }

        public long Parameters => flat.Layout.ParameterCount;

        public void Step()
        {
            flat.Bind(weights, gradient);
            using (arena.BeginStep()) loss.Compute(model.Forward(input), target).Backward();
            var values = weights.Span[..flat.Layout.ParameterLength];
            rule.Apply(++step, learningRate, 1f, values, gradient.Span[..values.Length], new StateSlices(state, 0, values.Length), values);
        }
    }
}
