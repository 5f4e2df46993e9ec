using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Tests.Golden;

/// <summary>Optimizers by PyTorch's names, made from PyTorch's options.</summary>
internal static class OptimizerTable
{
    private static readonly Dictionary<string, Func<Attributes, OptimizerOptions>> Table = new()
    {
        ["SGD"] = o => new SGDOptions(o.Double("momentum"), o.Double("dampening"), o.Double("weight_decay"), o.Bool("nesterov"), o.Bool("maximize")),
        ["Adam"] = o => new AdamOptions(Beta(o, 0), Beta(o, 1), o.Double("eps", 1e-8), o.Double("weight_decay"), o.Bool("amsgrad"), o.Bool("maximize")),
        ["AdamW"] = o => new AdamWOptions(Beta(o, 0), Beta(o, 1), o.Double("eps", 1e-8), o.Double("weight_decay", 1e-2), o.Bool("amsgrad"), o.Bool("maximize")),
        ["RMSprop"] = o => new RMSpropOptions(o.Double("alpha", 0.99), o.Double("eps", 1e-8), o.Double("weight_decay"), o.Double("momentum"), o.Bool("centered"), o.Bool("maximize")),
        ["Adagrad"] = o => new AdagradOptions(o.Double("lr_decay"), o.Double("weight_decay"), o.Double("initial_accumulator_value"), o.Double("eps", 1e-10), o.Bool("maximize")),
        ["Adadelta"] = o => new AdadeltaOptions(o.Double("rho", 0.9), o.Double("eps", 1e-6), o.Double("weight_decay"), o.Bool("maximize")),
        ["Adamax"] = o => new AdamaxOptions(Beta(o, 0), Beta(o, 1), o.Double("eps", 1e-8), o.Double("weight_decay"), o.Bool("maximize")),
        ["NAdam"] = o => new NAdamOptions(
            Beta(o, 0), Beta(o, 1), o.Double("eps", 1e-8), o.Double("weight_decay"), o.Double("momentum_decay", 4e-3), o.Bool("decoupled_weight_decay"), o.Bool("maximize")),
        ["RAdam"] = o => new RAdamOptions(Beta(o, 0), Beta(o, 1), o.Double("eps", 1e-8), o.Double("weight_decay"), o.Bool("decoupled_weight_decay"), o.Bool("maximize")),
        ["Rprop"] = o => new RpropOptions(
            o.Has("etas") ? o.Doubles("etas")[0] : 0.5, o.Has("etas") ? o.Doubles("etas")[1] : 1.2,
            o.Has("step_sizes") ? o.Doubles("step_sizes")[0] : 1e-6, o.Has("step_sizes") ? o.Doubles("step_sizes")[1] : 50, o.Bool("maximize")),
    };

    public static Optimizer Make(string name, IReadOnlyList<Parameter> parameters, Attributes options)
    {
        if (!Table.TryGetValue(name, out var make)) throw new NotSupportedException($"there is no optimizer called {name}");
        var made = make(options);
        return new Optimizer(made.CreateRule(), parameters, options.Double("lr", made.DefaultLearningRate));
    }

    private static double Beta(Attributes options, int index) => options.Has("betas") ? options.Doubles("betas")[index] : index == 0 ? 0.9 : 0.999;
}
