using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DistTrain.Tests.Coordinator.Commands;

/// <summary>Passes connections on to the same port of 127.0.0.1, every byte a while later, in order.</summary>
internal sealed class SlowRelay : IDisposable
{
    private readonly TcpListener listener;
    private readonly ConcurrentBag<Socket> sockets = [];
    private readonly TimeSpan delay;
    private readonly int port;
    private long passed;

    public SlowRelay(string host, int port, TimeSpan delay)
    {
        (this.port, this.delay) = (port, delay);
        listener = new TcpListener(IPAddress.Parse(host), port);
        listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    /// <summary>Bytes so far, both ways.</summary>
    public long Passed => Interlocked.Read(ref passed);

    public void Dispose()
    {
        listener.Stop();
        foreach (var socket in sockets) socket.Dispose();
    }

    private void Accept()
    {
        while (true)
        {
            Socket near, far = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                near = listener.AcceptSocket();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
            near.NoDelay = true;
            sockets.Add(near);
            sockets.Add(far);
            try
            {
                far.Connect(IPAddress.Loopback, port);
            }
            catch (SocketException)
            {
                near.Dispose();
                continue;
            }
            Pass(near, far);
            Pass(far, near);
        }
    }

    private void Pass(Socket from, Socket to)
    {
        var late = new BlockingCollection<(long At, byte[] Bytes)>();
        new Thread(() => Read(from, late)) { IsBackground = true }.Start();
        new Thread(() => Write(late, to)) { IsBackground = true }.Start();
    }

    private void Read(Socket from, BlockingCollection<(long At, byte[] Bytes)> late)
    {
        byte[] buffer = new byte[65536];
        try
        {
            while (from.Receive(buffer) is > 0 and var count) late.Add((Stopwatch.GetTimestamp(), buffer[..count]));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The end, like any other.
        }
        late.CompleteAdding();
    }

    private void Write(BlockingCollection<(long At, byte[] Bytes)> late, Socket to)
    {
        try
        {
            foreach (var (at, bytes) in late.GetConsumingEnumerable())
            {
                var left = delay - Stopwatch.GetElapsedTime(at);
                if (left > TimeSpan.Zero) Thread.Sleep(left);
                to.Send(bytes);
                Interlocked.Add(ref passed, bytes.Length);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Its reader hears of it from the other side.
        }
        to.Dispose();
    }
}
