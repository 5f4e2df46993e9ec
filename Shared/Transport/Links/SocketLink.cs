using System.Net.Sockets;

namespace DistTrain.Transport.Links;

/// <summary>A connected socket in blocking mode: what is sent goes from the caller's memory straight to the kernel, and what comes goes straight to the caller's.</summary>
public sealed class SocketLink : ByteLink
{
    private const int BriefMicroseconds = 100;

    private readonly Socket socket;
    private TimeSpan timeout;

    /// <summary>Takes over a connected socket.</summary>
    public SocketLink(Socket socket)
    {
        this.socket = socket;
        Peer = socket.RemoteEndPoint?.ToString() ?? "peer";
        if (socket.ProtocolType != ProtocolType.Tcp) return;
        socket.NoDelay = true;
        // A peer whose host vanished says nothing: after ten seconds of silence the kernel asks five times.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 5);
    }

    /// <inheritdoc/>
    public override string Peer { get; }

    /// <inheritdoc/>
    public override bool WaitBriefly()
    {
        try
        {
            return socket.Poll(BriefMicroseconds, SelectMode.SelectRead);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    /// <inheritdoc/>
    public override TimeSpan Timeout
    {
        get => timeout;
        set
        {
            timeout = value;
            int milliseconds = Math.Max(1, (int)value.TotalMilliseconds);
            Guard(() =>
            {
                socket.ReceiveTimeout = milliseconds;
                socket.SendTimeout = milliseconds;
            });
        }
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            throw Broken(error);
        }
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        if (!OperatingSystem.IsLinux())
        {
            base.Send(first, second, third);
            return;
        }
        try
        {
            GatherSend.Send(socket.SafeHandle, first, second, third);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            throw Broken(error);
        }
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer)
    {
        try
        {
            int count = socket.Receive(buffer, SocketFlags.None, out var error);
            return error switch
            {
                SocketError.Success => count,
                SocketError.TimedOut or SocketError.WouldBlock => -1,
                _ => throw Broken(new SocketException((int)error)),
            };
        }
        catch (ObjectDisposedException error)
        {
            throw Broken(error);
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => socket.Dispose();

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            throw Broken(error);
        }
    }

    private ChannelException Broken(Exception error) => new($"the connection to {Peer} broke: {(error is SocketException socketError ? socketError.SocketErrorCode : "closed here")}", error);
}
