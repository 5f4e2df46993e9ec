namespace DistTrain.Optim;

/// <summary>What an optimizer remembers between steps; what PyTorch's <c>state_dict()</c> holds.</summary>
/// <param name="Parameters">The memory of each parameter, in the order of the groups.</param>
/// <param name="LearningRates">The present learning rate of each group.</param>
/// <param name="InitialRates">The rate that each group's schedule started from, null in a group without one; null where there is none.</param>
public sealed record OptimizerState(IReadOnlyList<ParameterState> Parameters, IReadOnlyList<double> LearningRates, IReadOnlyList<double?>? InitialRates = null);

/// <summary>What an optimizer remembers of one parameter.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Buffers">The state buffers by PyTorch's names, such as <c>exp_avg</c>, each of the parameter's length.</param>
public sealed record ParameterState(long Step, IReadOnlyDictionary<string, float[]> Buffers);
