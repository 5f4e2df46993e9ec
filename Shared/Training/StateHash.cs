using System.Buffers.Binary;
using System.Security.Cryptography;
using DistTrain.Tensors;

namespace DistTrain.Training;

/// <summary><c>state_sha256</c>: the weights' hash continued over buffers, optimizer state and step: what two runs must share to go on alike.</summary>
public static class StateHash
{
    /// <summary>SHA-256 (lower-case hex) over parameters, buffers, each optimizer state buffer (parameters' elements, no padding) and the step, little-endian.</summary>
    public static string Compute(ParameterLayout layout, FloatBuffer weights, ReadOnlySpan<FloatBuffer> state, long step)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ParameterLayout.Append(hash, layout.Parameters, weights.Span);
        ParameterLayout.Append(hash, layout.Buffers, weights.Span);
        foreach (var buffer in state) ParameterLayout.Append(hash, layout.Parameters, buffer.Span);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, step);
        hash.AppendData(bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
