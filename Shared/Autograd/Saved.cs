using DistTrain.Tensors;

namespace DistTrain.Autograd;

/// <summary>A tensor that a backward will need, with the version its memory had: an in-place write in between is an error, not a wrong gradient.</summary>
internal readonly struct Saved
{
    private readonly Tensor tensor;
    private readonly int version;

    private Saved(Tensor tensor)
    {
        this.tensor = tensor;
        version = tensor.Node.Storage.Version;
    }

    public static implicit operator Saved(Tensor tensor) => new(tensor);

    /// <summary>The tensor, unchanged since it was saved.</summary>
    /// <exception cref="InvalidOperationException">It was written to since.</exception>
    public Tensor Get(GradNode rule)
    {
        if (tensor.Node.Storage.Version != version)
            throw new InvalidOperationException($"Backward: {rule.Name} needs a tensor of shape {tensor.Shape} that was changed in place after forward (version {tensor.Node.Storage.Version}, saved at {version}): use the out-of-place operation, or Clone() it first");
        return tensor;
    }
}
