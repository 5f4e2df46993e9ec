using System.Net;
using System.Net.Sockets;

namespace DistTrain.Transport;

/// <summary>How a node is reached, and by whom.</summary>
public sealed record NodeNetwork
{
    /// <summary>The address to listen on.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The host that other nodes reach this one at; null for <see cref="Host"/>, or this machine's own address where that is a wildcard.</summary>
    public string? PublicHost { get; init; }

    /// <summary>The host that other nodes are told; without <see cref="PublicHost"/> a name may have to be looked up, which takes time: see <see cref="Resolved"/>.</summary>
    public string ReachedAt => PublicHost ?? (IsWildcard(Host) ? OwnAddress() : Host);

    /// <summary>The same network with the host that others are told looked up once and for all.</summary>
    public NodeNetwork Resolved() => this with { PublicHost = ReachedAt };

    /// <summary>The port of the control plane; 0 for any free one.</summary>
    public int Port { get; init; }

    /// <summary>How tensors may travel.</summary>
    public ChannelChoice Channel { get; init; }

    /// <summary>Makes a buffer that tensors are sent from: for other processes of this machine to read, where tensors may travel through its memory.</summary>
    public Tensors.FloatBuffer Allocate(int length) => Channel is ChannelChoice.Auto or ChannelChoice.SharedMemory ? Tensors.FloatBuffer.ToSendFrom(length) : new Tensors.FloatBuffer(length);

    /// <summary>PEM files: certificate, key and authority; null for those that are not given.</summary>
    public (string? Certificate, string? Key, string? Authority) Tls { get; init; }

    /// <summary>Allows a network without TLS beyond this machine.</summary>
    public bool Insecure { get; init; }

    /// <summary>A file with the job's token; null for none.</summary>
    public string? TokenFile { get; init; }

    /// <summary>How long a node may be silent before it counts as unreachable.</summary>
    public TimeSpan Detection { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether others can reach the node only from this machine.</summary>
    public bool IsLoopback => IsLocal(Host) && IsLocal(ReachedAt);

    /// <summary>The node's identity for TLS; null where it has none and needs none.</summary>
    /// <exception cref="UserErrorException">TLS is needed and not given, or only in part.</exception>
    public NodeIdentity? Identity()
    {
        if (Tls is (null, null, null))
        {
            if (IsLoopback || Insecure) return null;
            throw new UserErrorException($"--host was {ReachedAt}, which other machines can reach: give --tls-certificate, --tls-key and --tls-ca, or --insecure on a network that you trust");
        }
        if (Tls is ({ } certificate, { } key, { } authority)) return NodeIdentity.Load(new TlsFiles(certificate, key, authority));
        throw new UserErrorException($"{(Tls.Certificate is null ? "--tls-certificate" : Tls.Key is null ? "--tls-key" : "--tls-ca")} is missing: TLS needs a certificate, its key and the authority");
    }

    private static bool IsLocal(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool IsWildcard(string host) => IPAddress.TryParse(host, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));

    /// <summary>What this machine's name stands for, as in a container, whose name its own hosts file knows; else the name, for others to resolve.</summary>
    private static string OwnAddress()
    {
        string name = Dns.GetHostName();
        try
        {
            return Array.Find(Dns.GetHostAddresses(name, AddressFamily.InterNetwork), address => !IPAddress.IsLoopback(address))?.ToString() ?? name;
        }
        catch (SocketException)
        {
            return name;
        }
    }
}
