namespace DistTrain.Transport.Links;

/// <summary>A stream, such as TLS over a socket.</summary>
public sealed class StreamLink(Stream stream, string peer) : ByteLink
{
    private TimeSpan timeout;

    /// <inheritdoc/>
    public override string Peer { get; } = peer;

    /// <inheritdoc/>
    public override bool WaitBriefly() => false;

    /// <inheritdoc/>
    public override TimeSpan Timeout
    {
        get => timeout;
        set
        {
            timeout = value;
            try
            {
                if (stream.CanTimeout) stream.ReadTimeout = stream.WriteTimeout = Math.Max(1, (int)value.TotalMilliseconds);
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or ObjectDisposedException or InvalidOperationException)
            {
                throw Broken(error);
            }
        }
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw Broken(error);
        }
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (IOException error) when (error.InnerException is System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.TimedOut or System.Net.Sockets.SocketError.WouldBlock })
        {
            return -1;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw Broken(error);
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => stream.Dispose();

    private ChannelException Broken(Exception error) => new($"the connection to {Peer} broke: {error.Message}", error);
}
