using System.Collections.Immutable;

namespace DistTrain.Nn;

/// <summary>What can be chosen about a named model; what is left out has the named workload's value.</summary>
public sealed record ModelOptions
{
    /// <summary>The shape of one sample: <c>[28, 28]</c> or <c>[1, 28, 28]</c> for images, <c>[features]</c> for tables; null for 28 × 28.</summary>
    public ImmutableArray<int>? InputShape { get; init; }

    /// <summary>The number of outputs: classes, or the vocabulary's size; null for the named workload's.</summary>
    public int? Outputs { get; init; }

    /// <summary>The longest sequence of a language model; null for 64.</summary>
    public int? Context { get; init; }

    /// <summary>The probability of dropout, in [0, 1); 0 for none.</summary>
    public double Dropout { get; init; }
}
