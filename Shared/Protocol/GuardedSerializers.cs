using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Remote.Serialization;
using Akka.Serialization;

namespace DistTrain.Protocol;

/// <summary>Stands where Akka's serializer of small messages would: what stops an actor or may do other harm is not read. Within a process such messages are not serialized.</summary>
public sealed class GuardedMiscSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private readonly MiscMessageSerializer inner = new(system);

    /// <inheritdoc/>
    public override int Identifier => inner.Identifier;

    /// <inheritdoc/>
    public override string Manifest(object o) => inner.Manifest(o);

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => inner.ToBinary(obj);

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, string manifest) =>
        inner.FromBinary(bytes, manifest) is var message and not (PoisonPill or Kill or IPossiblyHarmful) ? message : throw new SerializationException($"{manifest}: is not taken from other nodes");
}

/// <summary>Stands where Akka's serializer of system messages would: nodes watch each other's actors, and do nothing else to them.</summary>
public sealed class GuardedSystemMessageSerializer(ExtendedActorSystem system) : Serializer(system)
{
    private readonly SystemMessageSerializer inner = new(system);

    /// <inheritdoc/>
    public override int Identifier => inner.Identifier;

    /// <inheritdoc/>
    public override bool IncludeManifest => inner.IncludeManifest;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => inner.ToBinary(obj);

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) =>
        inner.FromBinary(bytes, type) is var message and (Watch or Unwatch or DeathWatchNotification) ? message : throw new SerializationException($"{type?.Name}: is not taken from other nodes");
}

/// <summary>Stands where Akka's serializer of remote deployments would: no node makes actors in another.</summary>
public sealed class RefusingDeploySerializer(ExtendedActorSystem system) : Serializer(system)
{
    /// <summary>The identifier of Akka's own.</summary>
    public override int Identifier => 3;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => throw new SerializationException("actors are not deployed on other nodes");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) => throw new SerializationException("actors are not deployed by other nodes");
}
