using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Transport.Frames;

namespace DistTrain.Tests.Transport;

/// <summary>Two nodes with real remoting, their hubs, and an actor on each that takes tensors.</summary>
public sealed class ChannelHubTests : IDisposable
{
    private static readonly JobId Job = new(Guid.NewGuid());
    private static readonly ParameterLayout Layout = new([("w", ImmutableArray.Create(300_000))]);
    private static readonly BucketPlan Plan = new(Layout, 1, 256 << 10);

    private readonly List<Node> nodes = [];

    public void Dispose()
    {
        foreach (var node in nodes) node.Dispose();
    }

    [Theory]
    [InlineData(ChannelChoice.Auto, ChannelKind.SharedMemory)]
    [InlineData(ChannelChoice.Tcp, ChannelKind.Tcp)]
    [InlineData(ChannelChoice.Akka, ChannelKind.Akka)]
    public void Nodes_choose_a_kind_show_it_and_carry_tensors_both_ways(ChannelChoice choice, ChannelKind kind)
    {
        var (a, b) = (Start(choice), Start(choice));
        Carry(a, b, 3);
        Carry(b, a, 3);
        var status = Assert.Single(a.Hub.Status());
        Assert.Equal((b.Address.ToString(), kind, true, 0L), (status.Peer, status.Kind, status.IsConnected, status.Dropped));
        Assert.Equal(3L * Layout.Length * sizeof(float), status.SentBytes);
        Assert.Contains(a.Reports, line => line.Contains($"travel over {kind.Name()}"));
    }

    [Fact]
    public void Actors_of_one_node_hand_over_references()
    {
        var a = Start(ChannelChoice.Auto);
        var floats = Random(1);
        a.Hub.Connect(a.Actor, ActorRefs.Nobody).Send(Header(0, 0), new TensorSlice(floats, 0, 16));
        Assert.Same(floats, Take(a).Tensor.Buffer);
        Assert.Empty(a.Hub.Status());
    }

    [Fact]
    public void Where_no_connection_can_be_made_tensors_go_over_the_control_plane()
    {
        // A host name that no resolver knows.
        var (a, b) = (Start(ChannelChoice.Auto), Start(ChannelChoice.Auto, publicHost: "127.0.0.1.invalid"));
        Carry(a, b, 1);
        Assert.Equal(ChannelKind.Akka, Assert.Single(a.Hub.Status()).Kind);
        Assert.Contains(a.Reports, line => line.Contains("go over the control plane"));
    }

    [Fact]
    public void Where_nothing_but_shared_memory_is_allowed_a_node_that_has_none_is_refused_once_and_for_all()
    {
        var refused = new BlockingCollection<(Address, string)>();
        int held = 0;
        var b = Start(ChannelChoice.Akka);
        var a = Start(ChannelChoice.SharedMemory, hold: _ =>
        {
            Interlocked.Increment(ref held);
            return new Release(() => Interlocked.Decrement(ref held));
        }, refused: (node, reason) => refused.Add((node, reason)));
        var floats = Random(4);
        var channel = a.Hub.Connect(Remote(a, b), a.Actor);
        channel.Send(Header(0, 0), Slice(floats, 0));
        Assert.True(refused.TryTake(out var told, TimeSpan.FromSeconds(30)), string.Join(" | ", a.Reports));
        Assert.Equal(b.Address, told.Item1);
        Assert.Contains("allows nothing else: give --channel auto", told.Item2);
        // Nothing waits any more, and nothing is tried again.
        channel.Send(Header(1, 0), Slice(floats, 0));
        Assert.Equal(0, Volatile.Read(ref held));
        Assert.Equal(1, Assert.Single(a.Hub.Status()).Dropped);
        Assert.Single(a.Reports, line => line.Contains("share no memory"));
        Assert.Empty(b.Received);
    }

    [Fact]
    public void Who_lets_go_of_a_node_that_answers_nobody_does_not_stand_still()
    {
        var held = new Counter();
        var a = Start(ChannelChoice.Tcp, hold: held.Take);
        var (silent, other) = (Nobody(a, 1), Nobody(a, 2));
        foreach (var nobody in new[] { silent, other }) a.Hub.Connect(nobody, a.Actor).Send(Header(0, 0), Slice(Random(4), 0));
        Assert.Equal(2, held.Value);
        var watch = Stopwatch.StartNew();
        a.Hub.Disconnect(silent.Path.Address);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 0.4);
        Assert.Single(a.Hub.Status());
        // Not after the time for a hand-shake.
        a.Hub.Dispose();
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 3);
        Assert.Equal(0, held.Value);
    }

    [Fact]
    public void A_node_that_cannot_be_reached_is_kept_nothing_for_until_there_is_something_new_to_send()
    {
        var held = new Counter();
        var a = Start(ChannelChoice.Tcp, hold: held.Take, channel: Pair.Quick with { HandshakeTimeout = TimeSpan.FromMilliseconds(50), GiveUp = TimeSpan.FromMilliseconds(200) });
        var nobody = Nobody(a, 1);
        var channel = a.Hub.Connect(nobody, a.Actor);
        for (int i = 0; i < 2; i++)
        {
            channel.Send(Header(i, 0), Slice(Random(4), 0));
            Assert.Single(a.Hub.Status());
            Assert.True(SpinWait.SpinUntil(() => a.Hub.Status().IsEmpty && held.Value == 0, TimeSpan.FromSeconds(20)), string.Join(" | ", a.Reports));
        }
    }

    [Fact]
    public void A_channel_that_had_given_up_carries_again_once_its_node_is_there()
    {
        var (a, b) = (Start(ChannelChoice.Tcp, channel: Pair.Quick with { HandshakeTimeout = TimeSpan.FromMilliseconds(500), GiveUp = TimeSpan.FromMilliseconds(50) }), Start(ChannelChoice.Tcp));
        // Of another job: it is not told where tensors go.
        b.Hub.Dispose();
        var channel = a.Hub.Connect(Remote(a, b), a.Actor);
        Assert.True(SpinWait.SpinUntil(() => a.Hub.Status().IsEmpty, TimeSpan.FromSeconds(20)), string.Join(" | ", a.Reports));
        b.Open();
        var floats = Random(5);
        long step = 0;
        // What was sent while it was given up again is dropped.
        TensorArrived? arrived = null;
        Assert.True(SpinWait.SpinUntil(() =>
        {
            channel.Send(Header(step++, 0), Slice(floats, 0));
            return b.Received.TryTake(out arrived, 50);
        }, TimeSpan.FromSeconds(20)), string.Join(" | ", a.Reports));
        Assert.True(arrived!.Tensor.Span.SequenceEqual(Slice(floats, 0).Span));
    }

    [Fact]
    public void An_actor_that_is_not_registered_gets_nothing()
    {
        var (a, b) = (Start(ChannelChoice.Tcp), Start(ChannelChoice.Tcp));
        b.Hub.Unregister(b.Actor);
        var floats = Random(2);
        var channel = a.Hub.Connect(Remote(a, b), a.Actor);
        channel.Send(Header(0, 0), Slice(floats, 0));
        Assert.True(SpinWait.SpinUntil(() => a.Hub.Status()[0].SentBytes > 0, TimeSpan.FromSeconds(20)));
        Assert.Empty(b.Received);
    }

    [Fact]
    public void What_a_tensor_waits_for_is_held_until_it_is_there()
    {
        int held = 0, released = 0;
        var b = Start(ChannelChoice.Tcp);
        var a = Start(ChannelChoice.Tcp, hold: _ =>
        {
            Interlocked.Increment(ref held);
            return new Release(() => Interlocked.Increment(ref released));
        });
        Carry(a, b, 2);
        Assert.Equal(2 * Plan.Buckets.Length, held);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref released) == held, TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task A_node_that_is_gone_is_let_go_of_at_once_also_while_it_is_being_asked_where_it_takes_tensors()
    {
        int held = 0;
        var a = Start(ChannelChoice.Tcp, hold: _ =>
        {
            Interlocked.Increment(ref held);
            return new Release(() => Interlocked.Decrement(ref held));
        });
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var mute = new MuteNode(asked);
        a.Hub.Connect(a.System.Provider.ResolveActorRef(new RootActorPath(mute.Address) / "user" / "worker"), a.Actor).Send(Header(0, 0), Slice(Random(6), 0));
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(1, Volatile.Read(ref held));
        var clock = Stopwatch.StartNew();
        a.Hub.Disconnect(mute.Address);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref held) == 0, Pair.Quick.HandshakeTimeout));
        // An answer would have been waited for as long as a hand-shake may take.
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, Pair.Quick.HandshakeTimeout / 2);
        Assert.Empty(a.Hub.Status());
        Assert.DoesNotContain(a.Reports, line => line.Contains("did not say", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("auto", ChannelChoice.Auto)]
    [InlineData("shm", ChannelChoice.SharedMemory)]
    [InlineData("tcp", ChannelChoice.Tcp)]
    [InlineData("akka", ChannelChoice.Akka)]
    public void The_option_reads_as_written(string text, ChannelChoice choice) => Assert.Equal(choice, ChannelChoices.Parse(text));

    [Fact]
    public void Another_option_is_a_user_error() =>
        Assert.Contains("give auto, shm, tcp or akka", Assert.Throws<UserErrorException>(() => ChannelChoices.Parse("udp")).Message);

    /// <summary>Sends all buckets a few times and takes them on the other side.</summary>
    private static void Carry(Node from, Node to, int times)
    {
        var floats = Random(3);
        var channel = from.Hub.Connect(Remote(from, to), from.Actor);
        for (int step = 0; step < times; step++)
            for (int bucket = 0; bucket < Plan.Buckets.Length; bucket++) channel.Send(Header(step, bucket), Slice(floats, bucket));
        for (int step = 0; step < times; step++)
        {
            for (int bucket = 0; bucket < Plan.Buckets.Length; bucket++)
            {
                var arrived = Take(to);
                var what = Assert.IsType<Gradients.Contribution>(arrived.Header).What;
                Assert.Equal((step, bucket), (what.Step, what.Bucket));
                Assert.True(arrived.Tensor.Span.SequenceEqual(Slice(floats, bucket).Span));
                arrived.Lease!.Dispose();
            }
        }
    }

    private static TensorArrived Take(Node node)
    {
        Assert.True(node.Received.TryTake(out var arrived, TimeSpan.FromSeconds(30)), string.Join(" | ", node.Reports));
        return arrived;
    }

    /// <summary>An actor of another node as this node refers to it.</summary>
    private static IActorRef Remote(Node from, Node to) =>
        from.System.Provider.ResolveActorRef(new RootActorPath(to.Address) / "user" / $"{to.Actor.Path.Name}#{to.Actor.Path.Uid}");

    /// <summary>An actor of a node that is not there.</summary>
    private static IActorRef Nobody(Node from, int port) => from.System.Provider.ResolveActorRef($"akka.tcp://node@127.0.0.1:{port}/user/server-0#1");

    private static TensorSlice Slice(FloatBuffer floats, int bucket) => new(floats, Plan.Buckets[bucket].Offset, Plan.Buckets[bucket].Length);

    private static Gradients.Contribution Header(long step, int bucket) =>
        new(new Gradients.Name(Job, new Term(1), step, bucket, 0, 1), new WorkerId(0), 1f, step, [], 0);

    private static FloatBuffer Random(ulong seed)
    {
        var floats = new FloatBuffer(Layout.Length);
        Philox.FillNormal(floats.Span, RandomKey.Create(seed, 0));
        return floats;
    }

    private Node Start(ChannelChoice choice, string? publicHost = null, Func<IProtocolMessage, IDisposable?>? hold = null, Action<Address, string>? refused = null, ChannelOptions? channel = null)
    {
        var node = new Node(choice, publicHost, hold, refused, channel);
        nodes.Add(node);
        return node;
    }

    private sealed class Node : IDisposable
    {
        private readonly ConcurrentQueue<string> reports = new();

        private readonly ChannelHubOptions options;

        public Node(ChannelChoice choice, string? publicHost, Func<IProtocolMessage, IDisposable?>? hold, Action<Address, string>? refused, ChannelOptions? channel)
        {
            var config = ConfigurationFactory.ParseString("""
                akka.actor.provider = remote
                akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
                """);
            System = (ExtendedActorSystem)ActorSystem.Create("node", config.WithFallback(ProtocolConfig.Shared));
            var received = Received;
            Actor = System.ActorOf(Props.Create(() => new Sink(received)), "server-0");
            options = new ChannelHubOptions
            {
                Rules = new FrameRules(Job, Plan, 8), Choice = choice, PublicHost = publicHost, Hold = hold, Report = reports.Enqueue, Channel = channel ?? Pair.Quick, Refused = refused ?? ((_, _) => { }),
            };
            Hub = Open();
        }

        /// <summary>Opens a hub, perhaps after another one was closed.</summary>
        public ChannelHub Open()
        {
            for (int tries = 0; ; tries++)
            {
                try
                {
                    Hub = new ChannelHub(System, options);
                    Hub.Register(Actor, new PoolPlacer());
                    return Hub;
                }
                catch (InvalidActorNameException) when (tries < 1000)
                {
                    // The one before has not quite ended.
                    Thread.Sleep(5);
                }
            }
        }

        public ExtendedActorSystem System { get; }

        public ChannelHub Hub { get; private set; }

        public IActorRef Actor { get; }

        public BlockingCollection<TensorArrived> Received { get; } = [];

        public string[] Reports => [.. reports];

        public Address Address => System.Provider.DefaultAddress;

        public void Dispose()
        {
            Hub.Dispose();
            System.Terminate().Wait(TimeSpan.FromSeconds(20));
        }
    }

    private sealed class Sink(BlockingCollection<TensorArrived> received) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is TensorArrived arrived) received.Add(arrived);
        }
    }

    /// <summary>How many are held now.</summary>
    private sealed class Counter
    {
        private int value;

        public int Value => Volatile.Read(ref value);

        public IDisposable Take(IProtocolMessage message)
        {
            Interlocked.Increment(ref value);
            return new Release(() => Interlocked.Decrement(ref value));
        }
    }

    /// <summary>A node that takes messages for its hub, and answers none.</summary>
    private sealed class MuteNode : IDisposable
    {
        private readonly ExtendedActorSystem system;

        public MuteNode(TaskCompletionSource asked)
        {
            system = NodeSystem.Start(NodeSystem.WorkerRole, new NodeNetwork(), null);
            system.ActorOf(Props.Create(() => new Mute(asked)), HubActor.Name);
        }

        public Address Address => system.Provider.DefaultAddress;

        public void Dispose() => system.Terminate().Wait(TimeSpan.FromSeconds(20));

        private sealed class Mute(TaskCompletionSource asked) : UntypedActor
        {
            protected override void OnReceive(object message) => asked.TrySetResult();
        }
    }

    private sealed class Release(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}