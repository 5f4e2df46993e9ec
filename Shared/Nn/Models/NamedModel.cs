namespace DistTrain.Nn.Models;

/// <summary>A model that options and job files can call by name.</summary>
/// <param name="Name">The name, such as <c>mlp</c>.</param>
/// <param name="Summary">One line about it.</param>
/// <param name="Optimizer">The optimizer it is usually trained with, by name.</param>
/// <param name="LearningRate">The usual learning rate.</param>
/// <param name="Momentum">The usual momentum; 0 where the optimizer has none.</param>
/// <param name="BatchPerWorker">The usual batch per worker.</param>
/// <param name="Build">Builds it; initial values are drawn from the thread's <see cref="RandomSource"/>.</param>
/// <param name="TakesTokens">Whether an input is a sequence of whole numbers; else it is floats.</param>
public sealed record NamedModel(string Name, string Summary, string Optimizer, double LearningRate, double Momentum, int BatchPerWorker, Func<ModelOptions, Module> Build, bool TakesTokens = false);
