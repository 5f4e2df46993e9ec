using DistTrain.Transport;
using DistTrain.Worker.CommandLine;

namespace DistTrain.Worker.Node;

/// <summary>The settings of a node's network, for every command that is one.</summary>
public static class NetworkSettings
{
    private const string Network = "Network", Security = "Security";

    private static readonly string[] Channels = ["auto", "shm", "tcp", "akka"];

    private static readonly IReadOnlyList<Setting<NodeNetwork>> Rows =
    [
        new("host", "<address>", Network, "The address to listen on. Default: 127.0.0.1, which only this machine reaches.", (network, given) => network with { Host = given.NotEmpty("an address") }),
        new("public-host", "<host>", Network, "The host that other nodes reach this one at. Default: --host; for 0.0.0.0 the address of this machine's name.", (network, given) => network with { PublicHost = given.NotEmpty("a host") }),
        new("port", "<n>", Network, "The port to listen on; 0 picks a free one.", (network, given) => network with { Port = given.Int(0, 65535) }),
        new("channel", "<kind>", Network, "How tensors travel: auto (shared memory on one host, else TCP), shm, tcp, or akka, for networks that let only --port through. Default: auto.", (network, given) => network with { Channel = ChannelChoices.Parse(given.OneOf(Channels)) }),
        new("detection-time", "<seconds>", Network, "How long a node may be silent before it counts as unreachable. Default: 5.", (network, given) => network with { Detection = TimeSpan.FromSeconds(given.Number(0.5, 3600)) }),
        new("tls-certificate", "<file>", Security, "The node's certificate, PEM (tls.crt). With --tls-key and --tls-ca all connections are under mutual TLS.", (network, given) => network with { Tls = network.Tls with { Certificate = given.NotEmpty("a file") } }),
        new("tls-key", "<file>", Security, "Its private key, PEM (tls.key).", (network, given) => network with { Tls = network.Tls with { Key = given.NotEmpty("a file") } }),
        new("tls-ca", "<file>", Security, "The authority that all nodes' certificates come from, PEM (ca.crt).", (network, given) => network with { Tls = network.Tls with { Authority = given.NotEmpty("a file") } }),
        new("insecure", "", Security, "Allows a network beyond this machine without TLS: whoever reaches the port takes part.", (network, given) => network with { Insecure = given.Switch() }),
        new("token-file", "<file>", Security, "A file with the job's token, which workers must know; or the variable DISTTRAIN_TOKEN.", (network, given) => network with { TokenFile = given.NotEmpty("a file") }),
    ];

    /// <summary>The settings as a part of a command's own options.</summary>
    public static IEnumerable<Setting<T>> For<T>(Func<T, NodeNetwork> get, Func<T, NodeNetwork, T> with) =>
        Rows.Select(row => row.Of(get, with));
}
