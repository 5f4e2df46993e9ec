using System.Buffers.Binary;
using System.Runtime.InteropServices;
using DistTrain.Simd;

namespace DistTrain.Protocol.Codecs;

/// <summary>
/// <c>int8</c>: for each block its scale max|x|/127 as float32, then a signed byte for each float, x/scale rounded up or down so that its mean is x/scale. The rounding of an element is keyed by
/// (seed, step, shard, its place in the layout). A block with a number that is not finite is sent with scale NaN, so that it decodes to NaN and the step reports it.
/// </summary>
internal sealed class Int8Codec() : TensorCodec(new CodecSpec(CodecKind.Int8))
{
    /// <summary>Names this use of the job's random numbers.</summary>
    internal const ulong Purpose = 0x38_54_4E_49; // "INT8"

    private protected override int BlockBytes(int floats) => sizeof(float) + floats;

    private protected override void EncodeBlock(in CodecKey key, ReadOnlySpan<float> source, Span<float> state, Span<byte> destination)
    {
        var stream = RandomKey.Create(key.Seed, Purpose, (ulong)key.Step, (ulong)key.Shard);
        float scale = Int8Quantizer.Quantize(source, MemoryMarshal.Cast<byte, sbyte>(destination[sizeof(float)..]), stream, key.Offset);
        BinaryPrimitives.WriteSingleLittleEndian(destination, scale);
    }

    private protected override string? DecodeBlock(ReadOnlySpan<byte> source, Span<float> destination)
    {
        float scale = BinaryPrimitives.ReadSingleLittleEndian(source);
        var numbers = MemoryMarshal.Cast<byte, sbyte>(source[sizeof(float)..]);
        if (float.IsNegative(scale) && !float.IsNaN(scale)) return $"the scale is {scale}, expected 0 or more";
        if (!Int8Quantizer.IsInRange(numbers)) return "a number is -128, expected -127 to 127";
        Int8Quantizer.Dequantize(numbers, scale, destination);
        return null;
    }
}
