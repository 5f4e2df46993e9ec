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

    /// <summary>Writes a message and returns its length.</summary>
    /// <exception cref="ArgumentException">It is longer than the destination.</exception>
    public int Write(IProtocolMessage message, Span<byte> destination)
    {
        string manifest = serializer.Manifest(message);
        byte[] bytes = serializer.ToBinary(message);
        int length = 1 + manifest.Length + bytes.Length;
        if (length > destination.Length) throw new ArgumentException($"{message.GetType().Name} takes {length} bytes, at most {destination.Length} travel with a tensor");
        destination[0] = (byte)manifest.Length;
        Encoding.ASCII.GetBytes(manifest, destination[1..]);
        bytes.CopyTo(destination[(1 + manifest.Length)..]);
        return length;
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
