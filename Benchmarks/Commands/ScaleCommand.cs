using System.Diagnostics;
using DistTrain.Coordinator.Reduction;
using DistTrain.Coordinator.Simulation;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// What coordinator and server cost as workers grow: simulated runs of a tiny model, undisturbed, with 1 to 256 workers in one thread; the time spent in their node, messages and arithmetic, and beside it the whole run's, with the workers'
/// actors, their model and the simulated network. And the reduction of S gradients beside the bound that the memory's bandwidth sets.
/// </summary>
internal static class ScaleCommand
{
    private const int Steps = 20;

    public static int Run(string[] args)
    {
        if (args.Length > 1 || (args.Length == 1 && args[0] is not ("actors" or "reduce")))
        {
            Console.Error.WriteLine("scale [actors|reduce]");
            return 2;
        }
        if (args is [] or ["actors"])
            foreach (int workers in (int[])[1, 4, 16, 64, 256]) Actors(workers);
        if (args is ["actors"]) return 0;
        foreach (int leaves in (int[])[1, 2, 4, 8, 16]) Reduction(leaves, 2_000_000);
        return 0;
    }

    private static void Actors(int workers)
    {
        var options = new SimulationOptions { Workers = workers, Shards = workers, Faults = [], Seeds = Math.Max(2, 256 / workers) };
        SimulatedCluster.Run(options);
        double whole = double.MaxValue, home = double.MaxValue;
        for (int round = 0; round < 3; round++)
        {
            var report = SimulatedCluster.Run(options);
            whole = Math.Min(whole, 1e6 / report.SeedsPerSecond / Steps);
            home = Math.Min(home, 1e6 * report.HomeSeconds / report.Seeds / Steps);
        }
        Measure.Print(
            ("workload", "scale"), ("op", "actors"), ("workers", workers), ("us_per_step", home), ("us_per_worker_and_step", home / workers), ("limit_us_per_worker_and_step", 20), ("with_workers_us_per_worker_and_step", whole / workers));
    }

    private static void Reduction(int leaves, int parameters)
    {
        var ledger = new ContributionLedger(leaves, null);
        ledger.Begin(0);
        for (int leaf = 0; leaf < leaves; leaf++)
        {
            var gradient = new FloatBuffer(parameters);
            gradient.Span.Fill(leaf + 1);
            var header = new Gradients.Contribution(new Gradients.Name(default, default, 0, 0, leaf, leaf + 1), default, 1f / leaves, 0, [], 0);
            ledger.Take(new ContributionLedger.Entry(new TreeNode(leaf, leaf + 1), header, new TensorSlice(gradient, 0, parameters), null));
        }
        var destination = new FloatBuffer(parameters);
        double best = double.MaxValue;
        for (int round = 0; round < 12; round++)
        {
            var watch = Stopwatch.StartNew();
            for (int offset = 0; offset < parameters; offset += ParameterLayout.BlockLength)
            {
                int length = Math.Min(ParameterLayout.BlockLength, parameters - offset);
                TreeSum.Into(ledger, leaves, offset, destination.Slice(offset, length));
            }
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
        }
        double bound = (leaves + 1) * 4.0 * parameters / (0.7e9 * Machine.CopyGigabytes);
        Measure.Print(("workload", "scale"), ("op", "reduce"), ("numerics", Numerics.Name(Numerics.Level)), ("shards", leaves), ("parameters", parameters), ("ms", best * 1e3), ("bound_ms", bound * 1e3), ("share_of_bound", best / bound));
    }
}
