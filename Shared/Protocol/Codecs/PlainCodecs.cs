using System.Runtime.InteropServices;
using DistTrain.Simd;

namespace DistTrain.Protocol.Codecs;

/// <summary><c>none</c>: float32, little-endian, as it stands in memory.</summary>
internal sealed class NoneCodec() : TensorCodec(CodecSpec.None)
{
    private protected override int BlockBytes(int floats) => floats * sizeof(float);

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination) =>
        MemoryMarshal.AsBytes(source).CopyTo(destination);

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        source.CopyTo(MemoryMarshal.AsBytes(destination));
        return null;
    }
}

/// <summary><c>bf16</c>: two bytes a float, relative error at most 2⁻⁸; encoding what was decoded changes nothing.</summary>
internal sealed class Bf16Codec() : TensorCodec(new CodecSpec(CodecKind.Bf16))
{
    private protected override int BlockBytes(int floats) => floats * 2;

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination) =>
        HalfPrecision.ToBfloat16(source, destination);

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        HalfPrecision.FromBfloat16(source, destination);
        return null;
    }
}

/// <summary><c>fp16</c>: two bytes a float, relative error at most 2⁻¹¹ between 2⁻¹⁴ and 65,504; larger ones become infinite, which the step then reports.</summary>
internal sealed class Fp16Codec() : TensorCodec(new CodecSpec(CodecKind.Fp16))
{
    private protected override int BlockBytes(int floats) => floats * 2;

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination) =>
        HalfPrecision.ToBinary16(source, destination);

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        HalfPrecision.FromBinary16(source, destination);
        return null;
    }
}
