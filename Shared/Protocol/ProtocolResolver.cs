using System.Collections.Concurrent;
using System.Collections.Immutable;
using Akka.Actor;
using MessagePack;
using MessagePack.Formatters;
using MessagePack.Resolvers;

namespace DistTrain.Protocol;

/// <summary>The standard formatters, with our own for arrays (lengths checked first) and actor references (as paths).</summary>
internal sealed class ProtocolResolver(ExtendedActorSystem system) : IFormatterResolver
{
    private readonly ConcurrentDictionary<Type, object> own = new() { [typeof(IActorRef)] = new ActorRefFormatter(system) };

    public IMessagePackFormatter<T>? GetFormatter<T>()
    {
        if (own.TryGetValue(typeof(T), out object? formatter)) return (IMessagePackFormatter<T>)formatter;
        if (!typeof(T).IsGenericType || typeof(T).GetGenericTypeDefinition() != typeof(ImmutableArray<>)) return StandardResolver.Instance.GetFormatter<T>();
        var made = Activator.CreateInstance(typeof(BoundedArrayFormatter<>).MakeGenericType(typeof(T).GetGenericArguments()))!;
        return (IMessagePackFormatter<T>)own.GetOrAdd(typeof(T), made);
    }

    /// <summary>An actor reference as its full path; 1,024 bytes at most.</summary>
    private sealed class ActorRefFormatter(ExtendedActorSystem system) : IMessagePackFormatter<IActorRef>
    {
        private const int LongestPath = 1024;

        public void Serialize(ref MessagePackWriter writer, IActorRef value, MessagePackSerializerOptions options) =>
            writer.Write(Akka.Serialization.Serialization.SerializedActorPath(value));

        public IActorRef Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
        {
            string path = reader.ReadString() ?? throw new MessagePackSerializationException("an actor reference is missing");
            if (path.Length > LongestPath) throw new MessagePackSerializationException($"an actor path has {path.Length} characters, at most {LongestPath} are allowed");
            return system.Provider.ResolveActorRef(path);
        }
    }
}

/// <summary>
/// An array whose claimed length is checked against the bytes that are left before anything is allocated: each element takes at least as many bytes as it has
/// members, so a short payload cannot claim a long array.
/// </summary>
internal sealed class BoundedArrayFormatter<T> : IMessagePackFormatter<ImmutableArray<T>>
{
    public void Serialize(ref MessagePackWriter writer, ImmutableArray<T> value, MessagePackSerializerOptions options)
    {
        var formatter = options.Resolver.GetFormatterWithVerify<T>();
        writer.WriteArrayHeader(value.IsDefault ? 0 : value.Length);
        if (value.IsDefault) return;
        foreach (var item in value) formatter.Serialize(ref writer, item, options);
    }

    public ImmutableArray<T> Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw new MessagePackSerializationException("the payload ends within an array header");
        long left = reader.Sequence.Length - reader.Consumed;
        if (count > left) throw new MessagePackSerializationException($"an array claims {count} elements in {left} bytes");
        if (count == 0) return [];
        var formatter = options.Resolver.GetFormatterWithVerify<T>();
        var items = new T[count];
        options.Security.DepthStep(ref reader);
        for (int i = 0; i < count; i++) items[i] = formatter.Deserialize(ref reader, options);
        reader.Depth--;
        return System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(items);
    }
}
