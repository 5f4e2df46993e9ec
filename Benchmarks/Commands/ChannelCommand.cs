using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;

namespace DistTrain.Benchmarks.Commands;

/// <summary><c>channel</c>: GB/s one way for each kind of channel and tensor size, beside a bare socket loop and a memory copy in the same run.</summary>
internal static class ChannelCommand
{
    private const string Usage = "channel [seconds of a measurement, more than 0 to 60, default 0.05] [KiB of the largest tensor, 64 to 65536, the default]";

    // The best of several: on a machine that does other things too, some run undisturbed.
    private const int Rounds = 15;
    private const int MostAtOnce = 4096;

    public static int Run(string[] args)
    {
        double seconds = 0.05;
        int largest = 64 << 10;
        if ((args.Length > 0 && (!double.TryParse(args[0], NumberStyles.Float, CultureInfo.InvariantCulture, out seconds) || seconds is not (> 0 and <= 60)))
            || (args.Length > 1 && (!int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out largest) || largest is < 64 or > 64 << 10)) || args.Length > 2)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        using var system = ActorSystem.Create("channels", ProtocolConfig.Shared);
        for (int kib = 64; kib <= largest; kib *= 4)
        {
            int bytes = kib << 10;
            // Taken in turns, the best of each: what else the machine does meets all of them alike.
            using var tcp = new OneWay(system, bytes, ChannelKind.Tcp);
            using var several = new OneWay(system, bytes, ChannelKind.Tcp, new ChannelOptions().Connections);
            using var ring = new OneWay(system, bytes, ChannelKind.SharedMemory);
            using var shared = new OneWay(system, bytes, ChannelKind.SharedMemory, shows: true);
            using var inPlace = new OneWay(system, bytes, ChannelKind.SharedMemory, shows: true, stays: true);
            using var bare = new BareSocket(bytes);
            double copy = 0, checksum = 0, socket = 0, overTcp = 0, overSeveral = 0, overRing = 0, overShared = 0, readInPlace = 0;
            for (int round = 0; round < Rounds; round++)
            {
                copy = Math.Max(copy, Copy(bytes, seconds / 3));
                checksum = Math.Max(checksum, Rate(count => Checksum(bytes, count), bytes, seconds));
                socket = Math.Max(socket, Rate(bare.Send, bytes, seconds));
                overTcp = Math.Max(overTcp, Rate(tcp.Send, bytes, seconds));
                overSeveral = Math.Max(overSeveral, Rate(several.Send, bytes, seconds));
                overRing = Math.Max(overRing, Rate(ring.Send, bytes, seconds));
                overShared = Math.Max(overShared, Rate(shared.Send, bytes, seconds));
                readInPlace = Math.Max(readInPlace, Rate(inPlace.Send, bytes, seconds));
            }
            Measure.Print(
                ("workload", "channel"), ("bytes", bytes), ("memory_copy_gb_per_s", copy), ("checksum_gb_per_s", checksum), ("bare_socket_gb_per_s", socket), ("tcp_gb_per_s", overTcp), ("tcp_connections", several.Connections), ("tcp_connections_gb_per_s", overSeveral), ("ring_gb_per_s", overRing), ("shared_memory_gb_per_s", overShared), ("shared_memory_in_place_gb_per_s", readInPlace),
                ("tcp_of_bare", overTcp / socket), ("ring_of_bare", overRing / socket), ("shared_memory_of_bare", overShared / socket), ("shared_memory_used", shared.Kind == ChannelKind.SharedMemory && shared.Shows));
        }
        return 0;
    }

    private static double Rate(Action<int> send, int bytes, double seconds)
    {
        send(2);
        int count = Math.Clamp((int)(seconds * 3e9 / bytes), 2, MostAtOnce);
        long start = Stopwatch.GetTimestamp();
        send(count);
        return (double)count * bytes / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    private static void Checksum(int bytes, int count)
    {
        byte[] source = GC.AllocateUninitializedArray<byte>(bytes);
        uint checksum = 0;
        for (int i = 0; i < count; i++) checksum = Crc32C.Append(checksum, source);
        GC.KeepAlive(checksum);
    }

    private static double Copy(int bytes, double seconds)
    {
        byte[] source = GC.AllocateUninitializedArray<byte>(bytes), destination = GC.AllocateUninitializedArray<byte>(bytes);
        source.CopyTo(destination, 0);
        int count = Math.Max(2, (int)(seconds * 1e10 / bytes));
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++) source.CopyTo(destination, 0);
        return (double)count * bytes / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    /// <summary>Two threads, one loopback connection, blocking calls on whole messages: the bound for any channel over TCP.</summary>
    private sealed class BareSocket : IDisposable
    {
        private readonly Socket sender = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private readonly Socket receiver;
        private readonly FloatBuffer from;
        private readonly FloatBuffer to;
        private readonly SemaphoreSlim done = new(0);
        private int wanted;

        public BareSocket(int bytes)
        {
            from = new FloatBuffer(bytes / sizeof(float));
            to = new FloatBuffer(bytes / sizeof(float));
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            sender.Connect(listener.LocalEndPoint!);
            receiver = listener.Accept();
            new Thread(Receive) { IsBackground = true }.Start();
        }

        public void Send(int count)
        {
            Volatile.Write(ref wanted, count);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> rest = MemoryMarshal.AsBytes(from.Span);
                while (!rest.IsEmpty) rest = rest[sender.Send(rest)..];
            }
            done.Wait();
        }

        public void Dispose()
        {
            sender.Dispose();
            receiver.Dispose();
        }

        private void Receive()
        {
            try
            {
                for (int messages = 0; ;)
                {
                    var rest = MemoryMarshal.AsBytes(to.Span);
                    while (!rest.IsEmpty)
                    {
                        int count = receiver.Receive(rest);
                        if (count == 0) return;
                        rest = rest[count..];
                    }
                    if (++messages != Volatile.Read(ref wanted)) continue;
                    messages = 0;
                    done.Release();
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
            }
        }
    }

    /// <summary>The channel itself, from the sender's queue to the receiving actor, which gives each tensor back at once.</summary>
    private sealed class OneWay : IDisposable, ITensorPlacer
    {
        private readonly ActorSystem system;
        private readonly FloatBuffer gradient;
        private readonly FloatBuffer[] places;
        private readonly IActorRef actor;
        private readonly ChannelContext context;
        private readonly TcpListenerThread listener;
        private readonly TensorSender[] senders;
        // Each tensor that is not confirmed has a name of its own: another of the same name is not sent beside it.
        private readonly Gradients.Contribution[] headers;
        private readonly SemaphoreSlim done = new(0);
        private readonly int route;
        private readonly bool stays;
        private int next;
        private int sent;
        private int wanted;

        public OneWay(ActorSystem system, int bytes, ChannelKind kind, int connections = 1, bool shows = false, bool stays = false)
        {
            (this.system, this.stays) = (system, stays);
            var layout = new ParameterLayout([("w", ImmutableArray.Create(bytes / sizeof(float)))]);
            var rules = new FrameRules(new JobId(Guid.NewGuid()), new BucketPlan(layout, 1, bytes), 1);
            headers = [.. Enumerable.Range(0, 4 * MostAtOnce).Select(step => new Gradients.Contribution(new Gradients.Name(rules.Job, new Term(1), step, 0, 0, 1), new WorkerId(0), 1f, step, [], 0))];
            gradient = shows ? FloatBuffer.ToSendFrom(bytes / sizeof(float)) : new FloatBuffer(bytes / sizeof(float));
            Philox.FillNormal(gradient.Span, RandomKey.Create(1, 0));
            places = [.. Enumerable.Range(0, 2 * connections).Select(_ => new FloatBuffer(bytes / sizeof(float)))];
            actor = system.ActorOf(Props.Create(() => new Counter(this)));
            var messages = new TensorMessages(system);
            // Two tensors under way, so that none waits for the one before to be given back.
            var options = new ChannelOptions { Window = Math.Max(new ChannelOptions().Window, 2L * bytes) };
            byte[] secret = new byte[32];
            context = new ChannelContext(rules, secret, messages, options, _ => new ResolvedRoute(actor, ActorRefs.Nobody, this), Console.Error.WriteLine);
            listener = new TcpListenerThread(context, new IPEndPoint(IPAddress.Loopback, 0), null, (opened, _) => Kind = opened);
            senders = [.. Enumerable.Range(0, connections).Select(_ => new TensorSender("benchmark", rules, messages, options, (session, _) =>
            {
                var opened = context.Connect(TcpConnector.Connect("127.0.0.1", listener.Port, null, options.HandshakeTimeout), session, kind, secret);
                return (opened.Link, opened.State, opened.Window);
            }, Console.Error.WriteLine))];
            foreach (var sender in senders) route = sender.RouteTo(new RouteName("receiver", "sender"));
        }

        public ChannelKind Kind { get; private set; }

        public int Connections => senders.Length;

        /// <summary>Whether the tensor stands where the receiver can read it.</summary>
        public bool Shows => gradient.File is not null;

        public void Send(int count)
        {
            Volatile.Write(ref wanted, count);
            var slice = new TensorSlice(gradient, 0, gradient.Length);
            for (int i = 0; i < count; i++) senders[i % senders.Length].Send(route, headers[sent++ % headers.Length], slice, null);
            done.Wait();
        }

        public bool MayStay(in FrameHeader frame) => stays;

        public Placement Place(in FrameHeader frame, out TensorSlice destination, out IDisposable? lease)
        {
            destination = new TensorSlice(places[Interlocked.Increment(ref next) % places.Length], 0, frame.Floats);
            lease = null;
            return Placement.Take;
        }

        public void Dispose()
        {
            foreach (var sender in senders) sender.Dispose();
            listener.Dispose();
            context.Stop();
            system.Stop(actor);
        }

        private sealed class Counter(OneWay owner) : UntypedActor
        {
            private int received;

            protected override void OnReceive(object message)
            {
                if (++received != Volatile.Read(ref owner.wanted)) return;
                received = 0;
                owner.done.Release();
            }
        }
    }
}
