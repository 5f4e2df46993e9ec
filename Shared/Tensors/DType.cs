namespace DistTrain.Tensors;

/// <summary>The type of a tensor's elements.</summary>
public enum DType
{
    /// <summary>32-bit floating point: the type of training.</summary>
    Float32,

    /// <summary>64-bit integers: indices and class labels.</summary>
    Int64,

    /// <summary>True or false: masks.</summary>
    Bool,
}
