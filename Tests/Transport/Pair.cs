using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Tests.Transport;

/// <summary>A sender and a receiver of tensors over real links, the receiving actor a queue.</summary>
internal sealed class Pair : IDisposable
{
    private static readonly ActorSystem System = ActorSystem.Create("channels", ProtocolConfig.Shared);

    private readonly ConcurrentQueue<string> reports = new();
    private readonly NodeIdentity? identity;
    private int tries;

    public Pair(ChannelOptions? options = null, string gradients = "none", ChannelKind kind = ChannelKind.Tcp, int[]? lengths = null, byte[]? clientSecret = null, NodeIdentity? identity = null, Func<int, int>? through = null, int leaves = 8, int failures = 0)
    {
        this.identity = identity;
        Options = options ?? Quick;
        Layout = new ParameterLayout((lengths ?? [40_000, 3_000]).Select((length, i) => ($"p{i}", ImmutableArray.Create(length))));
        Plan = new BucketPlan(Layout, 1, 64 << 10);
        Rules = new FrameRules(new JobId(Guid.NewGuid()), Plan, leaves, CodecSpec.ParseGradient(gradients));
        var messages = new TensorMessages(System);
        Received = new BlockingCollection<TensorArrived>();
        var received = Received;
        Actor = System.ActorOf(Props.Create(() => new Sink(received)));
        byte[] secret = new byte[32];
        Context = new ChannelContext(Rules, secret, messages, Options, _ => new ResolvedRoute(Actor, ActorRefs.Nobody, Placer), reports.Enqueue);
        Listener = new TcpListenerThread(Context, new IPEndPoint(IPAddress.Loopback, 0), identity, (opened, _) => Kinds.Enqueue(opened));
        var client = new ChannelContext(Rules, clientSecret ?? secret, messages, Options, _ => null, reports.Enqueue);
        int port = through?.Invoke(Listener.Port) ?? Listener.Port;
        Sender = new TensorSender("test", Rules, messages, Options, (session, stop) =>
        {
            if (Interlocked.Increment(ref tries) <= failures) throw new InvalidOperationException("a defect");
            var opened = client.Connect(TcpConnector.Connect("127.0.0.1", port, this.identity, Options.HandshakeTimeout), session, kind, clientSecret ?? secret, stop);
            return (opened.Link, opened.State, opened.Window);
        }, reports.Enqueue);
        Route = Sender.RouteTo(new RouteName("receiver", "sender"));
    }

    /// <summary>Options that do not make a test wait.</summary>
    public static ChannelOptions Quick { get; } = new() { Retry = TimeSpan.FromMilliseconds(1), LongestRetry = TimeSpan.FromMilliseconds(20), StallTimeout = TimeSpan.FromSeconds(20) };

    public ChannelOptions Options { get; }

    public ParameterLayout Layout { get; }

    public BucketPlan Plan { get; }

    public FrameRules Rules { get; }

    public IActorRef Actor { get; }

    public ChannelContext Context { get; }

    public TcpListenerThread Listener { get; }

    public TensorSender Sender { get; }

    public PoolPlacer Placer { get; } = new();

    public ConcurrentQueue<ChannelKind> Kinds { get; } = new();

    public BlockingCollection<TensorArrived> Received { get; }

    public string[] Reports => [.. reports];

    public int Route { get; }

    public FloatBuffer Gradient(ulong seed, bool shows = false)
    {
        var buffer = shows ? FloatBuffer.ToSendFrom(Layout.Length) : new FloatBuffer(Layout.Length);
        Philox.FillNormal(buffer.Span, RandomKey.Create(seed, 0));
        return buffer;
    }

    public Gradients.Contribution Header(long step, int bucket) =>
        new(new Gradients.Name(Rules.Job, new Term(1), step, bucket, 0, 1), new WorkerId(0), 1f, step, [], 0);

    public void Send(long step, int bucket, FloatBuffer gradient, IDisposable? hold = null) =>
        Sender.Send(Route, Header(step, bucket), Slice(bucket, gradient), hold);

    public TensorSlice Slice(int bucket, FloatBuffer gradient) => new(gradient, Plan.Buckets[bucket].Offset, Plan.Buckets[bucket].Length);

    public TensorArrived Take(int seconds = 30)
    {
        Assert.True(Received.TryTake(out var arrived, TimeSpan.FromSeconds(seconds)), $"nothing arrived; {string.Join(" | ", Reports.TakeLast(5))}");
        return arrived;
    }

    /// <summary>Waits for a line to people.</summary>
    public void AwaitReport(string part, int seconds = 30) =>
        Assert.True(SpinWait.SpinUntil(() => Reports.Any(line => line.Contains(part)), TimeSpan.FromSeconds(seconds)), $"no report has '{part}': {string.Join(" | ", Reports)}");

    public void Dispose()
    {
        Sender.Dispose();
        Listener.Dispose();
        Context.Stop();
        System.Stop(Actor);
    }

    private sealed class Sink(BlockingCollection<TensorArrived> received) : UntypedActor
    {
        protected override void OnReceive(object message) => received.Add((TensorArrived)message);
    }
}

/// <summary>Places tensors in buffers of a pool.</summary>
internal sealed class PoolPlacer : ITensorPlacer
{
    private readonly ConcurrentBag<FloatBuffer> free = [];

    public int Made { get; private set; }

    public Placement Answer { get; set; } = Placement.Take;

    public bool Stays { get; set; }

    public bool MayStay(in FrameHeader header) => Stays;

    public Placement Place(in FrameHeader header, out TensorSlice destination, out IDisposable? lease)
    {
        if (!free.TryTake(out var buffer) || buffer.Length < header.Floats)
        {
            buffer = new FloatBuffer(header.Floats);
            Made++;
        }
        destination = new TensorSlice(buffer, 0, header.Floats);
        lease = new Back(this, buffer);
        return Answer;
    }

    private sealed class Back(PoolPlacer pool, FloatBuffer buffer) : IDisposable
    {
        public void Dispose() => pool.free.Add(buffer);
    }
}
