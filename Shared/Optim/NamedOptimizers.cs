namespace DistTrain.Optim;

/// <summary>The optimizers by the names that options and job files call them: <c>sgd</c>, <c>adamw</c>, …</summary>
public static class NamedOptimizers
{
    /// <summary>Options with PyTorch's defaults, of every optimizer there is.</summary>
    public static IReadOnlyDictionary<string, OptimizerOptions> All { get; } = new OptimizerOptions[]
    {
        new SGDOptions(), new AdamOptions(), new AdamWOptions(), new RMSpropOptions(), new AdagradOptions(), new AdadeltaOptions(), new AdamaxOptions(), new NAdamOptions(), new RAdamOptions(), new RpropOptions(),
    }.ToDictionary(o => o.Name.ToLowerInvariant());

    /// <summary>The options of a name, in any case, with PyTorch's defaults.</summary>
    /// <exception cref="UserErrorException">There is none of that name.</exception>
    public static OptimizerOptions Find(string name) => All.TryGetValue(name.ToLowerInvariant(), out var options)
        ? options
        : throw new UserErrorException($"optimizer '{name}' is not known, expected one of {string.Join(", ", All.Keys)}");
}
