using DistTrain.Nn;
using DistTrain.Optim;
using DistTrain.Tensors;

namespace DistTrain.Tests.Golden;

/// <summary>A schedule at work: the rate to use now, and the step to the next, with the metric that some schedules look at.</summary>
internal sealed record RunningSchedule(Func<double> Rate, Action<double?> Step);

/// <summary>Schedules by PyTorch's names, made from a base rate and PyTorch's options.</summary>
internal static class ScheduleTable
{
    private static readonly Dictionary<string, Func<Attributes, Schedule>> Table = new()
    {
        ["StepLR"] = o => new StepLR(o.Int("step_size"), o.Double("gamma", 0.1)),
        ["MultiStepLR"] = o => new MultiStepLR([.. o.Ints("milestones").Select(m => (long)m)], o.Double("gamma", 0.1)),
        ["ExponentialLR"] = o => new ExponentialLR(o.Double("gamma")),
        ["CosineAnnealingLR"] = o => new CosineAnnealingLR(o.Int("T_max"), o.Double("eta_min")),
        ["CosineAnnealingWarmRestarts"] = o => new CosineAnnealingWarmRestarts(o.Int("T_0"), o.Int("T_mult", 1), o.Double("eta_min")),
        ["LinearLR"] = o => new LinearLR(o.Double("start_factor", 1.0 / 3), o.Double("end_factor", 1), o.Int("total_iters", 5)),
        ["ConstantLR"] = o => new ConstantLR(o.Double("factor", 1.0 / 3), o.Int("total_iters", 5)),
        ["PolynomialLR"] = o => new PolynomialLR(o.Int("total_iters", 5), o.Double("power", 1)),
        ["OneCycleLR"] = o => new OneCycleLR(
            o.Double("max_lr"), o.Int("total_steps"), o.Double("pct_start", 0.3), o.Text("anneal_strategy", "cos") == "linear" ? Annealing.Linear : Annealing.Cosine, o.Double("div_factor", 25),
            o.Double("final_div_factor", 1e4), o.Bool("three_phase")),
        ["SequentialLR"] = o => new SequentialLR(Parts(o), [.. o.Ints("milestones").Select(m => (long)m)]),
        ["ChainedScheduler"] = o => new ChainedScheduler(Parts(o)),
    };

    private static Schedule[] Parts(Attributes options) => [.. options.Objects("schedulers").Select(part =>
    {
        var inner = new Attributes(part.GetProperty("options"));
        var schedule = Table[part.GetProperty("schedule").GetString()!](inner);
        inner.AllWereRead();
        return schedule;
    })];

    public static RunningSchedule Make(string name, double baseRate, Attributes options)
    {
        var optimizer = new SGD([new Parameter(Tensor.Zeros([1]))], baseRate);
        if (name == "ReduceLROnPlateau")
        {
            var plateau = new PlateauScheduler(optimizer, new ReduceLROnPlateau(
                options.Text("mode", "min") == "max" ? MetricGoal.Max : MetricGoal.Min, options.Double("factor", 0.1), options.Int("patience", 10), options.Double("threshold", 1e-4),
                options.Text("threshold_mode", "rel") == "rel", options.Int("cooldown"), options.Double("min_lr"), options.Double("eps", 1e-8)));
            return new RunningSchedule(() => optimizer.LearningRate, metric => plateau.Step(metric!.Value));
        }
        if (!Table.TryGetValue(name, out var make)) throw new NotSupportedException($"there is no schedule called {name}");
        var scheduler = new LRScheduler(optimizer, make(options));
        return new RunningSchedule(() => optimizer.LearningRate, _ => scheduler.Step());
    }
}
