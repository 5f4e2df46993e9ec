using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>Checks of element types, worded alike for all operations.</summary>
internal static class Types
{
    public static void RequireFloat(Tensor tensor, string operation)
    {
        if (tensor.Type != DType.Float32) throw new ArgumentException($"{operation}: the tensor of shape {tensor.Shape} holds {tensor.Type}, expected Float32");
    }

    public static void RequireIndices(Tensor tensor, string operation)
    {
        if (tensor.Type != DType.Int64) throw new ArgumentException($"{operation}: the indices of shape {tensor.Shape} hold {tensor.Type}, expected Int64");
    }

    public static void RequireBool(Tensor tensor, string operation)
    {
        if (tensor.Type != DType.Bool) throw new ArgumentException($"{operation}: the mask of shape {tensor.Shape} holds {tensor.Type}, expected Bool: make one with a comparison or To(DType.Bool)");
    }
}
