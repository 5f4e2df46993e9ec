using DistTrain.Simd;

namespace DistTrain.Transport.Links;

/// <summary>
/// Two ends of a byte stream, used with blocking calls: one thread sends, one thread receives; <see cref="IDisposable.Dispose"/> from any thread ends both. Every failure is a <see cref="ChannelException"/>.
/// </summary>
public abstract class ByteLink : IDisposable
{
    /// <summary>Who is at the other end, for messages to people.</summary>
    public abstract string Peer { get; }

    /// <summary>How long receiving and sending wait without any progress.</summary>
    public abstract TimeSpan Timeout { get; set; }

    /// <summary>Sends all of the bytes; the memory may be used again on return.</summary>
    /// <exception cref="ChannelException">The peer is gone, or does not read.</exception>
    public abstract void Send(ReadOnlySpan<byte> bytes);

    /// <summary>Sends three spans as if they were one: together where the link can do that.</summary>
    /// <exception cref="ChannelException">The peer is gone, or does not read.</exception>
    public virtual void Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        Send(first);
        if (!second.IsEmpty) Send(second);
        if (!third.IsEmpty) Send(third);
    }

    /// <summary>Whether bytes are copied here, so that <see cref="SendSummed"/> takes a checksum on the way for less than a pass of its own costs.</summary>
    public virtual bool CanSum => false;

    /// <summary>Whether the receiver can map the sender's memory files, as both found at the hand-shake.</summary>
    public virtual bool ReachesMemory => false;

    /// <summary>Sends all of the bytes and adds them to a checksum.</summary>
    /// <exception cref="ChannelException">The peer is gone, or does not read.</exception>
    public virtual void SendSummed(ReadOnlySpan<byte> bytes, ref uint checksum)
    {
        checksum = Crc32C.Append(checksum, bytes);
        Send(bytes);
    }

    /// <summary>Waits a moment for something to receive; false where nothing came, or where that cannot be known.</summary>
    public abstract bool WaitBriefly();

    /// <summary>Receives at least one byte; 0 when the peer has ended the stream; −1 when nothing came in time.</summary>
    /// <exception cref="ChannelException">The connection broke.</exception>
    public abstract int Receive(Span<byte> buffer);

    /// <summary>Receives exactly this many bytes.</summary>
    /// <exception cref="ChannelException">The stream ended, broke or stood still; the reason names <paramref name="what"/>.</exception>
    public void ReceiveExactly(Span<byte> buffer, string what)
    {
        int length = buffer.Length;
        while (!buffer.IsEmpty)
        {
            int count = Receive(buffer);
            if (count <= 0) throw Incomplete(count, what, length - buffer.Length, length);
            buffer = buffer[count..];
        }
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    internal ChannelException Incomplete(int count, string what, int received, int expected) => new(count == 0
        ? $"{Peer} ended the connection after {received} of the {expected} bytes of {what}"
        : $"{Peer} sent {received} of the {expected} bytes of {what} and then nothing for {Timeout.TotalSeconds:0.###} s");
}
