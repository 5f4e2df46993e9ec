using DistTrain.Optim;

namespace DistTrain.Training;

/// <summary>How a named model is trained where nothing else is asked for.</summary>
/// <param name="BatchPerWorker">Samples of a worker's part of a batch.</param>
/// <param name="Optimizer">The optimizer.</param>
/// <param name="LearningRate">The learning rate.</param>
public sealed record Recipe(int BatchPerWorker, OptimizerOptions Optimizer, double LearningRate);

/// <summary>The recipes of the named models, as benchmarks and tests use them everywhere.</summary>
public static class NamedWorkloads
{
    /// <summary>The recipe of a named model; that of <c>mlp</c> for a name that has none of its own.</summary>
    public static Recipe Of(string model) => model switch
    {
        "mlp-wide" => new Recipe(128, new SGDOptions(Momentum: 0.9), 0.01),
        "char-gpt" => new Recipe(12, new AdamWOptions(), 1e-3),
        _ => new Recipe(64, new SGDOptions(Momentum: 0.9), 0.01),
    };
}
