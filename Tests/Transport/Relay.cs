using System.Net;
using System.Net.Sockets;

namespace DistTrain.Tests.Transport;

/// <summary>What a relay does to one connection once so many bytes have passed in either direction.</summary>
internal enum Fault
{
    None,
    Cut,
    FlipBit,
    Stall,
    HalfClose,
}

/// <summary>Passes connections on to another port and harms each as its plan says.</summary>
internal sealed class Relay : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly int target;
    private readonly Func<int, (Fault Fault, long After)> plan;
    private readonly List<Socket> sockets = [];
    private int faults;
    private volatile bool stopped;

    public Relay(int target, Func<int, (Fault, long)> plan)
    {
        this.target = target;
        this.plan = plan;
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port { get; }

    /// <summary>Faults that happened.</summary>
    public int Faults => Volatile.Read(ref faults);

    public void Dispose()
    {
        stopped = true;
        listener.Stop();
        lock (sockets)
            foreach (var socket in sockets) socket.Dispose();
    }

    private void Accept()
    {
        for (int number = 0; !stopped; number++)
        {
            Socket near, far = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                near = listener.AcceptSocket();
                near.NoDelay = true;
                far.Connect(IPAddress.Loopback, target);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
            lock (sockets) sockets.AddRange([near, far]);
            var line = new Line(plan(number));
            new Thread(() => Pump(near, far, line)) { IsBackground = true }.Start();
            new Thread(() => Pump(far, near, line)) { IsBackground = true }.Start();
        }
    }

    private void Pump(Socket from, Socket to, Line line)
    {
        byte[] buffer = new byte[16384];
        try
        {
            while (true)
            {
                int count = from.Receive(buffer);
                if (count == 0) break;
                long before = Interlocked.Add(ref line.Passed, count) - count;
                long at = line.After - before;
                bool now = line.Fault != Fault.None && at >= 0 && at < count;
                if (now)
                {
                    Interlocked.Increment(ref faults);
                    switch (line.Fault)
                    {
                        case Fault.FlipBit:
                            buffer[at] ^= (byte)(1 << (int)(line.After % 8));
                            break;
                        case Fault.Cut:
                            to.Send(buffer, 0, (int)at, SocketFlags.None);
                            from.Dispose();
                            to.Dispose();
                            return;
                        case Fault.HalfClose:
                            to.Send(buffer, 0, (int)at, SocketFlags.None);
                            to.Shutdown(SocketShutdown.Send);
                            return;
                        default:
                            // Nothing more passes in this direction; the other one still ends when its end ends.
                            to.Send(buffer, 0, (int)at, SocketFlags.None);
                            return;
                    }
                }
                to.Send(buffer, 0, count, SocketFlags.None);
            }
            to.Dispose();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }

    private sealed class Line((Fault Fault, long After) plan)
    {
        public readonly Fault Fault = plan.Fault;
        public readonly long After = plan.After;
        public long Passed;
    }
}
