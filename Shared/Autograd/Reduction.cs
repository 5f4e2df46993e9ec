namespace DistTrain.Autograd;

/// <summary>How a loss reduces the losses of its elements.</summary>
public enum Reduction
{
    /// <summary>Their mean (weighted, where there are class weights).</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>No reduction.</summary>
    None,

    /// <summary>Their sum, divided by the number of samples (the first dimension's size): for <c>KlDiv</c>.</summary>
    BatchMean,
}
