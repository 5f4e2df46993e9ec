using DistTrain.Tensors;

namespace DistTrain.Transport;

/// <summary>A slice of a flat buffer: what a tensor channel sends from and receives into.</summary>
public readonly record struct TensorSlice(FloatBuffer? Buffer, int Offset, int Length)
{
    /// <summary>The bytes that a lossy codec made of the floats, where there is one; the floats are then what decoding those bytes gives.</summary>
    public EncodedTensor? Encoded { get; init; }

    /// <summary>The floats.</summary>
    public Span<float> Span => Buffer is null ? default : Buffer.Slice(Offset, Length);
}
