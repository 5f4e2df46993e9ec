using DistTrain.Nn;
using DistTrain.Optim;

namespace DistTrain.Tests.Golden;

/// <summary>Optimizers by PyTorch's names, made from PyTorch's options.</summary>
internal static class OptimizerTable
{
    private static readonly Dictionary<string, Func<IReadOnlyList<Parameter>, Attributes, Optimizer>> Table = new()
    {
        ["SGD"] = (p, o) => new SGD(p, o.Double("lr"), o.Double("momentum")),
    };

    public static Optimizer Make(string name, IReadOnlyList<Parameter> parameters, Attributes options) =>
        Table.TryGetValue(name, out var make) ? make(parameters, options) : throw new NotSupportedException($"there is no optimizer called {name}");
}
