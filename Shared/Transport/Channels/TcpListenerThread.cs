using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>Accepts connections on the channel's own port, each served by a thread of its own.</summary>
internal sealed class TcpListenerThread : IDisposable
{
    private const int AfterFailure = 100;

    private readonly ChannelContext context;
    private readonly NodeIdentity? identity;
    private readonly Action<ChannelKind, string>? onOpened;
    private readonly Socket listener;
    private readonly Thread thread;
    private int accepted;
    private volatile bool stopped;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="UserErrorException">The address or port cannot be used.</exception>
    public TcpListenerThread(ChannelContext context, IPEndPoint address, NodeIdentity? identity, Action<ChannelKind, string>? onOpened = null)
    {
        this.context = context;
        this.identity = identity;
        this.onOpened = onOpened;
        listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(address);
            listener.Listen(128);
        }
        catch (SocketException error)
        {
            listener.Dispose();
            throw new UserErrorException($"the channel's address {address} cannot be used: {error.SocketErrorCode}", error);
        }
        Port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        thread = new Thread(Run) { IsBackground = true, Name = $"channel port {Port}" };
        thread.Start();
    }

    /// <summary>The port.</summary>
    public int Port { get; }

    public void Dispose()
    {
        stopped = true;
        listener.Dispose();
        thread.Join();
    }

    private void Run()
    {
        while (!stopped)
        {
            Socket socket;
            try
            {
                socket = listener.Accept();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                if (stopped || error is ObjectDisposedException) return;
                // Too many open files, for one, stay so for a while, and each try fails at once.
                context.ReportStranger($"the channel's port {Port}: {error.Message}");
                Thread.Sleep(AfterFailure);
                continue;
            }
            // Twice the backlog: those in their hand-shake and as many at work; more than that is a flood, and a closed door costs nothing.
            if (Interlocked.Increment(ref accepted) > 1024 + context.Options.LargestBacklog)
            {
                Interlocked.Decrement(ref accepted);
                socket.Dispose();
                continue;
            }
            new Thread(() => Serve(socket)) { IsBackground = true, Name = "channel" }.Start();
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            context.Serve(identity is null ? new SocketLink(socket) : Secure(socket, identity), onOpened);
        }
        catch (Exception error)
        {
            // Whatever a stranger's certificate brings about, a connection's failure is never the node's.
            context.ReportStranger(error is IOException or SocketException or AuthenticationException or ObjectDisposedException ? $"channel closed: {error.Message}" : $"channel closed: {error.GetType().Name}: {error.Message}");
            socket.Dispose();
        }
        finally
        {
            Interlocked.Decrement(ref accepted);
        }
    }

    private StreamLink Secure(Socket socket, NodeIdentity own)
    {
        string peer = socket.RemoteEndPoint?.ToString() ?? "peer";
        using var deadline = new Timer(_ => socket.Dispose(), null, context.Options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        stream.AuthenticateAsServer(own.ServerOptions());
        return new StreamLink(stream, peer);
    }
}

/// <summary>Opens connections to a channel's port.</summary>
internal static class TcpConnector
{
    /// <summary>Connects.</summary>
    /// <exception cref="ChannelException">Nobody answers there, or not under the same authority.</exception>
    public static ByteLink Connect(string host, int port, NodeIdentity? identity, TimeSpan timeout, CancellationToken stop = default)
    {
        Socket? socket = null;
        try
        {
            var made = socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            // A blocking socket from the start: the runtime then never makes it non-blocking.
            using var deadline = new Timer(_ => made.Dispose(), null, timeout, Timeout.InfiniteTimeSpan);
            using var stopping = stop.Register(made.Dispose);
            socket.Connect(host, port);
            if (identity is null) return new SocketLink(socket);
            socket.NoDelay = true;
            var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            stream.AuthenticateAsClient(identity.ClientOptions(host));
            return new StreamLink(stream, $"{host}:{port}");
        }
        catch (Exception error)
        {
            // Also what is wrong with the address that the peer says, or with its certificate.
            socket?.Dispose();
            string reason = error is SocketException socketError ? socketError.SocketErrorCode.ToString() : error is ObjectDisposedException ? $"no answer within {timeout.TotalSeconds:0.###} s" : error.Message;
            throw new ChannelException($"no connection to {host}:{port}: {reason}", error);
        }
    }
}
