using System.Buffers.Binary;
using DistTrain.Simd;

namespace DistTrain.Transport.Frames;

/// <summary>
/// What the receiver of tensors tells their sender, in 32 bytes: both numbers only grow, so a lost or late record does no harm. 0 magic "DTC1" · 4 zero · 8 received (8) · 16 given back (8) · 24 zero · 28 CRC-32C of bytes 0–27.
/// </summary>
/// <param name="Received">The sequence number up to which every tensor is here.</param>
/// <param name="GivenBack">Bytes of all tensors so far that the receiver no longer holds: the sender may have that many more, and its window, under way.</param>
internal readonly record struct ControlRecord(long Received, long GivenBack)
{
    public const int Size = 32;

    private const uint Magic = 0x31_43_54_44; // "DTC1"

    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], Received);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], GivenBack);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[28..], Crc32C.Of(destination[..28]));
    }

    public static ControlRecord Read(ReadOnlySpan<byte> source, string peer)
    {
        source = source[..Size];
        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic || BinaryPrimitives.ReadUInt32LittleEndian(source[28..]) != Crc32C.Of(source[..28]))
            throw new ChannelException($"{peer} sent a credit record that is damaged");
        return new ControlRecord(BinaryPrimitives.ReadInt64LittleEndian(source[8..]), BinaryPrimitives.ReadInt64LittleEndian(source[16..]));
    }
}
