namespace DistTrain.Nn.Models;

/// <summary>What a named model is built for: the sizes come from the data, the rest from options.</summary>
/// <param name="Inputs">The shape of one input, without the batch: <c>[28, 28]</c> pixels, <c>[64]</c> tokens.</param>
/// <param name="Classes">Outputs: classes, or the size of the vocabulary.</param>
/// <param name="Dropout">Probability of dropout after each hidden layer, in [0, 1); 0 for none.</param>
public sealed record ModelOptions(IReadOnlyList<int> Inputs, int Classes, float Dropout = 0f)
{
    /// <summary>The number of elements of one input.</summary>
    public int InputLength => Inputs.Aggregate(1, (n, size) => checked(n * size));
}
