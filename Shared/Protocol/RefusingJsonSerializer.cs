using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace DistTrain.Protocol;

/// <summary>
/// Stands where Akka's JSON serializer would: refuses to write and to read. Strict serialization guards only what is sent; without this a stranger's JSON would still be
/// turned into whatever type it names.
/// </summary>
public sealed class RefusingJsonSerializer : Serializer
{
    /// <summary>Called by Akka.</summary>
    public RefusingJsonSerializer(ExtendedActorSystem system, Config config) : base(system) => _ = config;

    /// <summary>The identifier of Akka's JSON serializer.</summary>
    public override int Identifier => 1;

    /// <inheritdoc/>
    public override bool IncludeManifest => true;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => throw new SerializationException($"{obj.GetType().FullName} is no protocol message and is not sent as JSON");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) => throw new SerializationException("JSON messages are refused");
}
