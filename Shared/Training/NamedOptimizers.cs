using System.Collections.Immutable;
using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>The optimizers that options and job files call by name. A new one is a line here.</summary>
public static class NamedOptimizers
{
    private static readonly ImmutableArray<(string Name, OptimizerOptions Options)> All =
    [
        ("sgd", new SGDOptions()),
        ("adam", new AdamOptions()),
        ("adamw", new AdamWOptions()),
        ("nadam", new NAdamOptions()),
        ("radam", new RAdamOptions()),
        ("adamax", new AdamaxOptions()),
        ("adagrad", new AdagradOptions()),
        ("adadelta", new AdadeltaOptions()),
        ("rmsprop", new RMSpropOptions()),
        ("rprop", new RpropOptions()),
    ];

    /// <summary>Their names.</summary>
    public static ImmutableArray<string> Names { get; } = [.. All.Select(optimizer => optimizer.Name)];

    /// <summary>An optimizer's options: PyTorch's defaults, and what is given.</summary>
    /// <param name="name">A name of <see cref="Names"/>.</param>
    /// <param name="momentum">The momentum; null for the optimizer's default.</param>
    /// <param name="weightDecay">The weight decay; null for the optimizer's default.</param>
    /// <param name="given">Arguments to start from in place of PyTorch's defaults; null for none.</param>
    /// <exception cref="UserErrorException">There is no such optimizer, it does not take what is given, or that is out of range.</exception>
    public static OptimizerOptions Find(string name, double? momentum, double? weightDecay, OptimizerOptions? given = null)
    {
        var options = given ?? All.FirstOrDefault(optimizer => optimizer.Name == name).Options
            ?? throw new UserErrorException($"optimizer was '{name}', expected one of {string.Join(", ", Names)}{Suggestion.Hint(name, Names)}");
        try
        {
            if (weightDecay is { } decay) options = options with { WeightDecay = decay };
            if (momentum is { } value)
            {
                options = options switch
                {
                    SGDOptions sgd => sgd with { Momentum = value },
                    RMSpropOptions rms => rms with { Momentum = value },
                    _ when value == 0 => options,
                    _ => throw new UserErrorException(FormattableString.Invariant($"momentum was {value}, but optimizer {name} has none; sgd and rmsprop do")),
                };
            }
            options.CreateRule();
            return options;
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException($"optimizer {name}: {error.Message}", error);
        }
    }
}
