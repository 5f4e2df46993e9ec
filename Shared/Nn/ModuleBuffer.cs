using DistTrain.Tensors;

namespace DistTrain.Nn;

/// <summary>State of a module that is saved with it but not trained by gradients, such as BatchNorm's running statistics.</summary>
public sealed class ModuleBuffer
{
    private readonly Tensor value;

    /// <summary>Makes a buffer that starts with a copy of the given values.</summary>
    public ModuleBuffer(Tensor initial)
    {
        value = TensorMemory.EmptyPersistent(initial.Shape);
        initial.CopyTo(value.Span);
    }

    /// <summary>The buffer as a tensor.</summary>
    public Tensor Value => value;

    /// <summary>Its shape.</summary>
    public Shape Shape => value.Shape;

    /// <summary>Its elements, in place.</summary>
    public Span<float> Span => value.Span;

    /// <summary>The buffer as a tensor.</summary>
    public static implicit operator Tensor(ModuleBuffer buffer) => buffer.value;

    /// <summary>Makes the buffer a window on a flat buffer; nothing is copied.</summary>
    internal void Bind(FloatBuffer data, int offset)
    {
        var node = value.Node;
        node.Storage = data.Storage;
        node.Offset = data.Start + offset;
    }
}
