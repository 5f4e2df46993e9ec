using DistTrain.Tensors;

namespace DistTrain.Transport;

/// <summary>A slice of a flat buffer: what a tensor channel sends from and receives into.</summary>
public readonly record struct TensorSlice(FloatBuffer? Buffer, int Offset, int Length)
{
    /// <summary>The floats.</summary>
    public Span<float> Span => Buffer is null ? default : Buffer.Slice(Offset, Length);
}
