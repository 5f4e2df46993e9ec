using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Reduction;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Tests.Coordinator;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Transport;

/// <summary>A coordinator's node with two servers and two workers' nodes, each with an actor system and a store of its own: tensors really travel.</summary>
public sealed class RemoteClusterTests
{
    [Theory]
    [InlineData(ChannelChoice.Auto, "none", "none")]
    [InlineData(ChannelChoice.Tcp, "none", "bf16")]
    [InlineData(ChannelChoice.Akka, "none", "none")]
    [InlineData(ChannelChoice.Auto, "int8", "fp16")]
    [InlineData(ChannelChoice.Tcp, "topk:0.05", "none")]
    [InlineData(ChannelChoice.Tcp, "powersgd:2", "bf16")]
    public async Task A_cluster_over_channels_gives_the_bits_of_one_in_a_process(ChannelChoice choice, string codec, string weightsCodec)
    {
        var job = LinearJob.Of(LinearJob.Plan()) with { Codec = CodecSpec.ParseGradient(codec), WeightsCodec = CodecSpec.ParseWeights(weightsCodec) };
        await using var local = new LocalCluster(job, new ClusterOptions { Workers = 2, Servers = 2 });
        var expected = await local.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));

        var ended = new TaskCompletionSource<RunEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        var jobId = new JobId(Guid.NewGuid());
        var buckets = new BucketPlan(job.Layout, 2, 16384);
        using var head = new Node(job, jobId, buckets, choice, job.Weights);
        using var first = new Node(job, jobId, buckets, choice, null);
        using var second = new Node(job, jobId, buckets, choice, null);
        var state = job.Rule.StateNames.Select(_ => new FloatBuffer(job.Layout.Length)).ToArray();
        var servers = new List<IActorRef>();
        for (int i = 0; i < 2; i++)
        {
            var setup = new ServerSetup
            {
                Id = new ServerId(i), Job = jobId, Head = i == 0 ? null : servers[0], Plan = job.Plan, Buckets = buckets, Rule = job.Rule, LearningRate = job.LearningRate, State = state,
                Store = head.Store, Published = head.Published, WeightsCodec = TensorCodec.Create(job.WeightsCodec), Compute = head.Group, Clock = head.Clock, Connect = head.Hub.Connect, Tick = Tick,
            };
            servers.Add(head.System.ActorOf(Props.Create(() => new ParameterServerActor(setup)), $"server-{i}"));
            head.Hub.Register(servers[i], new GradientPlacer(buckets, i));
        }
        var coordinatorSetup = new CoordinatorSetup
        {
            Job = jobId, Plan = job.Plan, Buckets = buckets, Servers = [.. servers], MinWorkers = 2, Codec = job.Codec, Connect = head.Hub.Connect, Compute = head.Group, Clock = head.Clock, Tick = Tick,
            Observer = e =>
            {
                if (e is RunEvent.Finished or RunEvent.Failed) ended.TrySetResult(e);
            },
        };
        var coordinator = head.System.ActorOf(Props.Create(() => new CoordinatorActor(coordinatorSetup)), "coordinator");
        foreach (var node in (Node[])[first, second]) node.AddWorker(job, buckets, head, coordinator);

        Assert.IsType<RunEvent.Finished>(await ended.Task.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.True(head.Store.TryRead(job.Plan.TotalSteps, out var lease));
        Assert.Equal(expected.WeightsSha256, job.Layout.WeightsSha256(lease.Weights.Span));
        lease.Dispose();
        var kinds = head.Hub.Status().Select(status => status.Kind.Name()).Distinct();
        Assert.Equal([choice == ChannelChoice.Auto ? "shared-memory" : choice.ToString().ToLowerInvariant()], kinds);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("int8")]
    public async Task Connections_that_are_cut_and_damaged_again_and_again_change_no_bit_of_a_run(string codec)
    {
        var job = LinearJob.Of(LinearJob.Plan(epochs: 20)) with { Codec = CodecSpec.ParseGradient(codec) };
        await using var local = new LocalCluster(job, new ClusterOptions { Workers = 2 });
        var expected = await local.RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
        var random = new Random(9);
        using var relay = new Relays(() => random.Next(2) == 0 ? Fault.Cut : Fault.FlipBit, () => random.Next(150_000));
        var ended = new TaskCompletionSource<RunEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        var jobId = new JobId(Guid.NewGuid());
        var buckets = new BucketPlan(job.Layout, 1, 16384);
        using var head = new Node(job, jobId, buckets, ChannelChoice.Tcp, job.Weights, relay);
        using var first = new Node(job, jobId, buckets, ChannelChoice.Tcp, null, relay);
        using var second = new Node(job, jobId, buckets, ChannelChoice.Tcp, null, relay);
        var setup = new ServerSetup
        {
            Job = jobId, Plan = job.Plan, Buckets = buckets, Rule = job.Rule, LearningRate = job.LearningRate, State = [.. job.Rule.StateNames.Select(_ => new FloatBuffer(job.Layout.Length))],
            Store = head.Store, Compute = head.Group, Clock = head.Clock, Connect = head.Hub.Connect, Tick = Tick,
        };
        var server = head.System.ActorOf(Props.Create(() => new ParameterServerActor(setup)), "server-0");
        head.Hub.Register(server, new GradientPlacer(buckets, 0));
        var coordinatorSetup = new CoordinatorSetup
        {
            Job = jobId, Plan = job.Plan, Buckets = buckets, Servers = [server], MinWorkers = 2, Codec = job.Codec, Connect = head.Hub.Connect, Compute = head.Group, Clock = head.Clock, Tick = Tick,
            Observer = e =>
            {
                if (e is RunEvent.Finished or RunEvent.Failed) ended.TrySetResult(e);
            },
        };
        var coordinator = head.System.ActorOf(Props.Create(() => new CoordinatorActor(coordinatorSetup)), "coordinator");
        foreach (var node in (Node[])[first, second]) node.AddWorker(job, buckets, head, coordinator);
        Assert.IsType<RunEvent.Finished>(await ended.Task.WaitAsync(TimeSpan.FromSeconds(90)));
        Assert.True(head.Store.TryRead(job.Plan.TotalSteps, out var lease));
        Assert.Equal(expected.WeightsSha256, job.Layout.WeightsSha256(lease.Weights.Span));
        lease.Dispose();
        Assert.InRange(relay.Faults, 20, int.MaxValue);
    }

    private static TimeSpan Tick => TimeSpan.FromMilliseconds(200);

    private sealed class Node : IDisposable
    {
        private readonly ConcurrentBag<IReplica> replicas = [];

        public Node(ClusterJob job, JobId jobId, BucketPlan buckets, ChannelChoice choice, FloatBuffer? weights, Relays? relays = null)
        {
            int port = relays is null ? 0 : Relays.FreePort();
            var config = ConfigurationFactory.ParseString("""
                akka.actor.provider = remote
                akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
                """);
            System = (ExtendedActorSystem)ActorSystem.Create("node", config.WithFallback(ProtocolConfig.Shared));
            Clock = new SystemClock(System);
            var own = new FloatBuffer(job.Layout.Length);
            weights?.Span.CopyTo(own.Span);
            Store = new WeightStore(0, own);
            if (weights is not null && job.WeightsCodec.IsLossy) Published = new WeightStore(0, RoundedWeights.Of(TensorCodec.Create(job.WeightsCodec), buckets, weights));
            Hub = new ChannelHub(System, new ChannelHubOptions
            {
                Rules = new FrameRules(jobId, buckets, job.Plan.Pieces, job.Codec, job.WeightsCodec), Choice = choice, Port = port, PublicPort = relays?.To(port), Hold = WeightPlacer.HoldVersions(Published ?? Store), Channel = Pair.Quick,
            });
            Group.Add("helper");
        }

        public ExtendedActorSystem System { get; }

        public SystemClock Clock { get; }

        public WeightStore Store { get; }

        public WeightStore? Published { get; }

        public ChannelHub Hub { get; }

        public ComputeGroup Group { get; } = new();

        public void AddWorker(ClusterJob job, BucketPlan buckets, Node head, IActorRef coordinator)
        {
            var setup = new WorkerSetup
            {
                Name = $"worker-{System.Provider.DefaultAddress.Port}", Coordinator = System.Provider.ResolveActorRef(new RootActorPath(head.System.Provider.DefaultAddress) / "user" / $"coordinator#{coordinator.Path.Uid}"),
                Plan = job.Plan, Buckets = buckets, Codec = job.Codec, Store = Store, Clock = Clock, Connect = Hub.Connect, Compute = Group.Add("worker"), Tick = Tick,
                CreateReplica = () =>
                {
                    var replica = job.CreateReplica(0);
                    replicas.Add(replica);
                    return replica;
                },
            };
            Hub.Register(System.ActorOf(Props.Create(() => new WorkerActor(setup)), "worker"), new WeightPlacer(buckets, Store));
        }

        public void Dispose()
        {
            System.Terminate().Wait(TimeSpan.FromSeconds(20));
            Hub.Dispose();
            Group.Dispose();
            foreach (var replica in replicas) replica.Dispose();
        }
    }

    /// <summary>A relay in front of each node, its faults chosen anew for each connection.</summary>
    private sealed class Relays(Func<Fault> fault, Func<int> at) : IDisposable
    {
        private readonly List<Relay> relays = [];
        private readonly Lock gate = new();

        public int Faults => relays.Sum(relay => relay.Faults);

        public static int FreePort()
        {
            using var probe = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
            probe.Start();
            return ((System.Net.IPEndPoint)probe.LocalEndpoint).Port;
        }

        public int To(int port)
        {
            var relay = new Relay(port, _ =>
            {
                lock (gate) return (fault(), at());
            });
            relays.Add(relay);
            return relay.Port;
        }

        public void Dispose()
        {
            foreach (var relay in relays) relay.Dispose();
        }
    }
}
