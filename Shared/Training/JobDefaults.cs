using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>What a named model is trained with where nothing else is asked for. Numbers belong to the job: none depends on the machine.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="BatchSize">Samples of one global batch.</param>
/// <param name="Epochs">Epochs.</param>
/// <param name="Optimizer">The optimizer.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="Momentum">Its momentum, where it has one.</param>
public sealed record JobDefaults(string Model, int BatchSize, int Epochs, string Optimizer, double LearningRate, double Momentum);
