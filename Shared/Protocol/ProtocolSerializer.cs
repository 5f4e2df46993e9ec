using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using MessagePack;

namespace DistTrain.Protocol;

/// <summary>
/// The one serializer of all messages: MessagePack under untrusted-data security. Reading fails with a <see cref="SerializationException"/>, and nothing
/// else, on anything that is not exactly one message of the manifest's type with all of its members; it never takes more than 64 bytes per payload byte plus 64 KiB.
/// </summary>
public sealed class ProtocolSerializer : SerializerWithStringManifest
{
    /// <summary>The identifier that messages travel under.</summary>
    public const int Id = 7301;

    private readonly MessagePackSerializerOptions options;
    private readonly MessageSeal? seal;

    /// <summary>Makes the serializer of an actor system; called by Akka.</summary>
    public ProtocolSerializer(ExtendedActorSystem system) : base(system)
    {
        options = MessagePackSerializerOptions.Standard
            .WithSecurity(MessagePackSecurity.UntrustedData.WithMaximumObjectGraphDepth(16))
            .WithResolver(new ProtocolResolver(system));
        var given = system.Settings.Setup.Get<MessageSeal>();
        seal = given.HasValue ? given.Value : null;
    }

    /// <inheritdoc/>
    public override int Identifier => Id;

    /// <inheritdoc/>
    public override string Manifest(object o) =>
        ProtocolManifest.NameOf(o.GetType()) ?? throw new SerializationException($"{o.GetType().FullName} is no protocol message: it has no manifest");

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj)
    {
        _ = Manifest(obj);
        byte[] payload = MessagePackSerializer.Serialize(obj.GetType(), obj, options);
        return seal is null ? payload : seal.Close(obj.GetType(), payload);
    }

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        var type = ProtocolManifest.TypeOf(manifest)
            ?? throw new SerializationException($"manifest of {manifest.Length} characters names no protocol message");
        try
        {
            var payload = seal is null ? bytes : seal.Check(type, bytes);
            var reader = new MessagePackReader(payload);
            object message = MessagePackSerializer.Deserialize(type, ref reader, options)
                ?? throw new SerializationException($"{type.Name}: nil is no message");
            if (!reader.End)
                throw new SerializationException($"{type.Name}: {payload.Length - reader.Consumed} bytes follow the message");
            if (WholeMessage.Lacks(message) is { } missing)
                throw new SerializationException($"{type.Name}: {missing} is missing");
            return message;
        }
        catch (Exception error) when (error is not (SerializationException or OutOfMemoryException))
        {
            throw new SerializationException($"{type.Name}: {bytes.Length} bytes hold no such message ({error.GetBaseException().Message})", error);
        }
    }
}
