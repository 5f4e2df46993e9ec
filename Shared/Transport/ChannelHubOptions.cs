using DistTrain.Protocol;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;

namespace DistTrain.Transport;

/// <summary>What a node's channels need.</summary>
public sealed record ChannelHubOptions
{
    /// <summary>What the job's frames may claim.</summary>
    public required FrameRules Rules { get; init; }

    /// <summary>Which kinds may be used.</summary>
    public ChannelChoice Choice { get; init; }

    /// <summary>The address to listen on.</summary>
    public string BindHost { get; init; } = "127.0.0.1";

    /// <summary>The host that other nodes reach this one at; null for <see cref="BindHost"/>.</summary>
    public string? PublicHost { get; init; }

    /// <summary>The channel's port; 0 for any free one.</summary>
    public int Port { get; init; }

    /// <summary>The channel's port as other nodes reach it, where something stands in between; null for the port itself.</summary>
    internal int? PublicPort { get; init; }

    /// <summary>The node's certificate, where remoting has one: channels are then under the same mutual TLS.</summary>
    public NodeIdentity? Identity { get; init; }

    /// <summary>Windows and time-outs.</summary>
    public ChannelOptions Channel { get; init; } = new();

    /// <summary>Takes what must stay as it is while a tensor waits to be sent, such as the lease of a weights version; null for nothing. Called by the sender of the tensor.</summary>
    public Func<IProtocolMessage, IDisposable?>? Hold { get; init; }

    /// <summary>How many steps a worker may run ahead: part of what a server must have room for.</summary>
    public int Staleness { get; init; }

    /// <summary>Told that an open connection to a node ended, broken or closed there, and not by this node; from any thread.</summary>
    public Action<Akka.Actor.Address> Broken { get; init; } = _ => { };

    /// <summary>Told, with the reason, that tensors cannot reach a node by the kinds that may be used, now or later: none is sent to it any more; from any thread.</summary>
    public Action<Akka.Actor.Address, string> Refused { get; init; } = (_, _) => { };

    /// <summary>Told, in a line each, about connections that were opened or closed; from any thread.</summary>
    public Action<string> Report { get; init; } = _ => { };
}

/// <summary>One pair of nodes, as <c>status</c> shows it.</summary>
/// <param name="Peer">The other node.</param>
/// <param name="Kind">How tensors travel there.</param>
/// <param name="IsConnected">Whether the connection is open now.</param>
/// <param name="SentBytes">Bytes of floats sent so far.</param>
/// <param name="Dropped">Tensors dropped because too many waited.</param>
public sealed record ChannelStatus(string Peer, ChannelKind Kind, bool IsConnected, long SentBytes, long Dropped);
