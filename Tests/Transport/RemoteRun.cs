using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using DistTrain.Coordinator;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker;
using DistTrain.Worker.Compute;

namespace DistTrain.Tests.Transport;

/// <summary>A job on a coordinator's node and one node per worker, each with an actor system, a channel hub and a store of its own: tensors really travel.</summary>
internal sealed class RemoteRun : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly ClusterJob job;
    private readonly ClusterOptions options;
    private readonly JobHost host;
    private readonly Func<int, FloatBuffer>? allocate;
    private readonly JobId id = new(Guid.NewGuid());
    private readonly Node head;
    private readonly List<Node> workers = [];

    public RemoteRun(ClusterJob job, ClusterOptions options, ChannelChoice choice, Relays? relays = null)
    {
        (this.job, this.options) = (job, options = options with { Tick = Tick });
        // Whoever shares memory for sure sends from it; with a free choice all goes through the ring.
        if (choice == ChannelChoice.SharedMemory) allocate = FloatBuffer.ToSendFrom;
        host = new JobHost(job, this.options, _ => { }, allocate);
        host.Group.Add("helper");
        head = new Node(this, choice, WeightPlacer.HoldVersions(host.Published), relays);
        for (int i = 0; i < options.Workers; i++) workers.Add(new Node(this, choice, null, relays));
    }

    /// <summary>The kinds of channel that are open at the coordinator's node.</summary>
    public IEnumerable<string> Channels => head.Hub.Status().Select(status => status.Kind.Name()).Distinct();

    private int StateLength => ResidualStore.LengthOf(TensorCodec.Create(job.Codec), job.Layout, job.LeafOptimizerStates);

    public async Task<RunResult> RunAsync(TimeSpan patience)
    {
        host.Start(head.System, head.Clock, new HostPlace
        {
            Job = id, MinWorkers = options.Workers, Connect = head.Hub.Connect,
            ServerStarted = (server, number) => head.Hub.Register(server, new GradientPlacer(host.Buckets, number)),
            CoordinatorStarted = coordinator => head.Hub.Register(coordinator, new ResidualPlacer(StateLength)),
        });
        foreach (var worker in workers) worker.AddWorker(this);
        var last = await host.Ended.WaitAsync(patience);
        return host.Result(last);
    }

    public void Dispose()
    {
        foreach (var worker in workers) worker.Dispose();
        head.Dispose();
        host.Close();
    }

    private sealed class Node : IDisposable
    {
        private readonly ConcurrentBag<IReplica> replicas = [];
        private readonly ComputeGroup group = new();

        public Node(RemoteRun run, ChannelChoice choice, Func<IProtocolMessage, IDisposable?>? hold, Relays? relays)
        {
            int port = relays is null ? 0 : Relays.FreePort();
            var config = ConfigurationFactory.ParseString("""
                akka.actor.provider = remote
                akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
                """);
            System = (ExtendedActorSystem)ActorSystem.Create("node", config.WithFallback(ProtocolConfig.Shared));
            Clock = new SystemClock(System);
            Hub = new ChannelHub(System, new ChannelHubOptions
            {
                Rules = new FrameRules(run.id, run.host.Buckets, run.job.Plan.Pieces, run.job.Codec, run.job.WeightsCodec, run.StateLength), Choice = choice, Port = port, PublicPort = relays?.To(port),
                Hold = hold, Staleness = run.job.Consistency.StalenessBound, Channel = Pair.Quick,
            });
        }

        public ExtendedActorSystem System { get; }

        public SystemClock Clock { get; }

        public ChannelHub Hub { get; }

        public void AddWorker(RemoteRun run)
        {
            var (job, head) = (run.job, run.head.System.Provider.DefaultAddress);
            var store = new WeightStore(-1, new FloatBuffer(job.Layout.Length), job.Consistency.StalenessBound);
            var setup = new WorkerSetup
            {
                Name = $"worker-{System.Provider.DefaultAddress.Port}", Coordinator = System.Provider.ResolveActorRef(new RootActorPath(head) / "user" / $"coordinator#{run.host.Coordinator.Path.Uid}"),
                Plan = job.Plan, Buckets = run.host.Buckets, Consistency = job.Consistency, Rule = job.Rule, LearningRate = job.LearningRate, Speculate = run.options.Speculate, Codec = job.Codec,
                Store = store, Clock = Clock, Connect = Hub.Connect, Compute = group.Add("worker"), Tick = Tick, Allocate = run.allocate,
                CreateReplica = () =>
                {
                    var replica = job.CreateReplica(0);
                    replicas.Add(replica);
                    return replica;
                },
            };
            Hub.Register(System.ActorOf(Props.Create(() => new WorkerActor(setup)), "worker"), new ResidualPlacer(run.StateLength, new WeightPlacer(run.host.Buckets, store)));
        }

        public void Dispose()
        {
            System.Terminate().Wait(TimeSpan.FromSeconds(20));
            Hub.Dispose();
            group.Dispose();
            foreach (var replica in replicas) replica.Dispose();
        }
    }
}
