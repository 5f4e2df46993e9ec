using System.Buffers.Binary;
using System.Runtime.InteropServices;
using DistTrain.Simd;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// <c>topk:&lt;share&gt;</c>: of each block the k = max(1, ⌈share · length⌉) numbers of largest magnitude of gradient + residual, as 16-bit positions, ascending, then their float32 values; what is not sent stays in the
/// residual for the next step (Stich, Cordonnier, Jaggi: "Sparsified SGD with Memory", 2018). Among equal magnitudes the first ones go.
/// </summary>
internal sealed class TopKCodec(CodecSpec spec) : TensorCodec(spec)
{
    public override int StatePerBlock => BlockLength;

    private protected override int BlockBytes(int floats) => Count(floats) * (sizeof(ushort) + sizeof(float));

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination)
    {
        int count = Count(source.Length);
        Span<ushort> positions = stackalloc ushort[BlockLength];
        positions = positions[..count];
        var values = destination[(count * sizeof(ushort))..];
        var residual = state[..source.Length];
        Span<float> wanted = stackalloc float[BlockLength];
        wanted = wanted[..source.Length];
        Elementwise.Add(source, residual, wanted);
        LargestMagnitudes.Select(wanted, positions);
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(destination[(i * sizeof(ushort))..], positions[i]);
            BinaryPrimitives.WriteSingleLittleEndian(values[(i * sizeof(float))..], wanted[positions[i]]);
        }
        // Numbers that are not finite sort first, so the step sees them; a residual must never hold one.
        if (!float.IsFinite(Int8Quantizer.LargestMagnitude(wanted))) return;
        foreach (ushort position in positions) wanted[position] = 0;
        wanted.CopyTo(residual);
    }

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        int count = Count(destination.Length), previous = -1;
        var values = source[(count * sizeof(ushort))..];
        destination.Clear();
        for (int i = 0; i < count; i++)
        {
            int position = BinaryPrimitives.ReadUInt16LittleEndian(source[(i * sizeof(ushort))..]);
            if (position <= previous || position >= destination.Length) return $"position {position} follows {previous} in a block of {destination.Length} floats, expected ascending ones within it";
            destination[position] = BinaryPrimitives.ReadSingleLittleEndian(values[(i * sizeof(float))..]);
            previous = position;
        }
        return null;
    }

    private int Count(int floats) => Math.Clamp((int)Math.Ceiling(Spec.Share * floats), 1, floats);
}
