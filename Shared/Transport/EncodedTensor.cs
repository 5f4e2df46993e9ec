using DistTrain.Protocol.Codecs;

namespace DistTrain.Transport;

/// <summary>The bytes that a lossy codec made of a tensor, once, where the tensor was computed. A channel between processes sends them in place of the floats; the floats beside them are already the decoded ones.</summary>
/// <param name="Codec">The codec.</param>
/// <param name="Bytes">Holds the bytes, from its start.</param>
/// <param name="Length">How many bytes count.</param>
public sealed record EncodedTensor(TensorCodec Codec, byte[] Bytes, int Length)
{
    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Span => Bytes.AsSpan(0, Length);
}
