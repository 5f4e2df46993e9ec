namespace DistTrain.Tensors;

/// <summary>Floats on their way into the memory of tensors.</summary>
internal interface IArrival
{
    /// <summary>Returns once the node's floats are there.</summary>
    void Wait(TensorNode node);
}
