using System.Collections.Frozen;
using System.Runtime.Serialization;
using System.Security.Cryptography;
using System.Text;
using Akka.Actor.Setup;

namespace DistTrain.Protocol;

/// <summary>
/// Proves with every message that its sender knows the job's token: 16 bytes of HMAC-SHA-256 behind the payload, under a key of its own for each type. A system that was set up with a seal reads no message without it. Without TLS this
/// keeps out whoever can reach the port but does not know the token; who can read the wire can still repeat what was sent.
/// </summary>
public sealed class MessageSeal : Setup
{
    /// <summary>Bytes that it adds to a message.</summary>
    public const int Size = 16;

    /// <summary>Read without it: they prove by themselves who asks, or tell somebody with another token that it is not the job's.</summary>
    private static readonly FrozenSet<Type> Open = new[] { typeof(Nodes.Hello), typeof(Nodes.Ask), typeof(Standbys.Hello), typeof(Membership.Refused) }.ToFrozenSet();

    private readonly FrozenDictionary<Type, byte[]> keys;

    /// <summary>Makes the seal of a token.</summary>
    public MessageSeal(ReadOnlySpan<byte> token)
    {
        byte[] secret = token.ToArray();
        keys = ProtocolManifest.Types.Where(type => !Open.Contains(type))
            .ToFrozenDictionary(type => type, type => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"disttrain message {ProtocolManifest.NameOf(type)}")));
    }

    /// <summary>A message's bytes with the seal behind them.</summary>
    public byte[] Close(Type type, byte[] payload)
    {
        if (!keys.TryGetValue(type, out byte[]? key)) return payload;
        byte[] sealedPayload = new byte[payload.Length + Size];
        payload.CopyTo(sealedPayload, 0);
        Write(key, payload, sealedPayload.AsSpan(payload.Length));
        return sealedPayload;
    }

    /// <summary>The payload before the seal.</summary>
    /// <exception cref="SerializationException">The seal is missing or wrong.</exception>
    public ReadOnlyMemory<byte> Check(Type type, ReadOnlyMemory<byte> bytes)
    {
        if (!keys.TryGetValue(type, out byte[]? key)) return bytes;
        Span<byte> expected = stackalloc byte[Size];
        if (bytes.Length < Size) throw Missing(type);
        var payload = bytes[..^Size];
        Write(key, payload.Span, expected);
        return CryptographicOperations.FixedTimeEquals(expected, bytes.Span[^Size..]) ? payload : throw Missing(type);
    }

    private static SerializationException Missing(Type type) => new($"{type.Name}: its sender does not know the job's token");

    private static void Write(byte[] key, ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, payload, whole);
        whole[..Size].CopyTo(destination);
    }
}
