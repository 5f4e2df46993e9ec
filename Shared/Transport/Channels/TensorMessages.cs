using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Transport.Channels;

/// <summary>The message that travels with a tensor as bytes: one byte of manifest length, the manifest, what the protocol's serializer writes.</summary>
public sealed class TensorMessages
{
    private readonly ProtocolSerializer serializer;

    /// <summary>Uses the serializer of an actor system.</summary>
    public TensorMessages(ActorSystem system) => serializer = new ProtocolSerializer((ExtendedActorSystem)system);

    /// <summary>Writes a message into a pinned buffer, from a place on, and returns its length. Where the buffer is too short, a longer one takes its place, empty before the message.</summary>
    public int Write(IProtocolMessage message, ref byte[] buffer, int at)
    {
        string manifest = serializer.Manifest(message);
        byte[] bytes = serializer.ToBinary(message);
        int length = 1 + manifest.Length + bytes.Length;
        Reserve(ref buffer, at + length);
        var destination = buffer.AsSpan(at);
        destination[0] = (byte)manifest.Length;
        Encoding.ASCII.GetBytes(manifest, destination[1..]);
        bytes.CopyTo(destination[(1 + manifest.Length)..]);
        return length;
    }

    /// <summary>Has a pinned buffer hold so many bytes at least; what it held is gone where it had to grow.</summary>
    internal static void Reserve(ref byte[] buffer, int length)
    {
        if (buffer.Length < length) buffer = GC.AllocateArray<byte>((int)Math.Min((uint)Array.MaxLength, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)length)), pinned: true);
    }

    /// <summary>Reads a message.</summary>
    /// <exception cref="ChannelException">The bytes are none.</exception>
    public IProtocolMessage Read(ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty || source[0] > source.Length - 1) throw new ChannelException($"a tensor's message has {source.Length} bytes and no whole manifest");
        string manifest = Encoding.ASCII.GetString(source.Slice(1, source[0]));
        try
        {
            return (IProtocolMessage)serializer.FromBinary(source[(1 + source[0])..].ToArray(), manifest);
        }
        catch (SerializationException error)
        {
            throw new ChannelException($"a tensor's message cannot be read: {error.Message}", error);
        }
    }
}
