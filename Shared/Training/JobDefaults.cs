using System.Collections.Immutable;
using DistTrain.Nn.Models;

namespace DistTrain.Training;

/// <summary>What a named model is trained with where nothing else is asked for. Numbers belong to the job: none depends on the machine.</summary>
/// <param name="BatchSize">Samples of one global batch.</param>
/// <param name="Epochs">Epochs.</param>
/// <param name="Optimizer">The optimizer.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="Momentum">Its momentum; null where it has none.</param>
public sealed record JobDefaults(int BatchSize, int Epochs, string Optimizer, double LearningRate, double? Momentum)
{
    private const int UsualEpochs = 10;

    /// <summary>The model that is trained when nothing is asked for.</summary>
    public const string Model = "mlp";

    /// <summary>What stands for the model's name where a job lists its layers.</summary>
    public const string OwnLayers = "layers";

    /// <summary>The names of the models.</summary>
    public static ImmutableArray<string> Models { get; } = [.. NamedModels.All.Select(model => model.Name)];

    /// <summary>The defaults of a model.</summary>
    /// <exception cref="UserErrorException">There is no such model.</exception>
    public static JobDefaults Of(string model)
    {
        if (model == OwnLayers) return new JobDefaults(64, UsualEpochs, "sgd", 0.01, null);
        var named = NamedModels.Find(model);
        double? momentum = named.Momentum == 0 ? null : named.Momentum;
        // The small network learns the digits in a quarter of the epochs at five times the rate of the benchmark's table.
        double learningRate = named.Name == Model ? 0.05 : named.LearningRate;
        return new JobDefaults(named.BatchPerWorker, UsualEpochs, named.Optimizer, learningRate, momentum);
    }
}
