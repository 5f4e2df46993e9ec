using Akka.Actor;
using Akka.Cluster;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker.Compute;
using DistTrain.Worker.Operation;

namespace DistTrain.Worker.Node;

/// <summary>One lifetime of a worker's node: its actor system from its start until the job is over or the coordinator is lost. A node that was lost begins another.</summary>
internal sealed class NodeLife(JoinOptions options, IReadOnlyList<Address> coordinators, NodeIdentity? identity, JobToken? token, JobAssembly? assembly, Allegiance allegiance, NodeHealth health, Action<string> note)
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    /// <summary>Whether a coordinator took the node in.</summary>
    public bool WasIn { get; private set; }

    /// <summary>Lives.</summary>
    /// <param name="wait">How long to look for a coordinator.</param>
    /// <param name="stop">Leaves.</param>
    public async Task<NodeEnd> RunAsync(TimeSpan wait, CancellationToken stop)
    {
        // Looked up once in a life: another one may be on another network.
        var network = options.Network.Resolved();
        var system = NodeSystem.Start(NodeSystem.WorkerRole, network, identity, token?.Seal());
        health.Within(system);
        var cluster = Cluster.Get(system);
        var incarnation = new Incarnation(cluster.SelfUniqueAddress.Uid);
        var hello = new Nodes.Hello(
            Membership.ProtocolVersion, options.Name, incarnation, Environment.ProcessId, Numerics.Name(Numerics.Best), token?.Prove(options.Name, incarnation) ?? []);
        var offered = new TaskCompletionSource<(Nodes.Offer Offer, IActorRef Gate)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new TaskCompletionSource<NodeEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stopping = stop.Register(() => ended.TrySetResult(new NodeEnd.Stopped()));
        var patience = options.Network.Detection * 2;
        var agent = system.ActorOf(Props.Create(() => new NodeAgent(coordinators, hello, allegiance, patience, offered, ended)), "node");
        _ = system.WhenTerminated.ContinueWith(_ => ended.TrySetResult(new NodeEnd.Lost("the cluster has shut this node out")), TaskScheduler.Default);
        try
        {
            if (await Task.WhenAny(offered.Task, ended.Task, Task.Delay(wait, CancellationToken.None)).ConfigureAwait(false) is var first && first != offered.Task && first != ended.Task) return new NodeEnd.NotFound();
            if (ended.Task.IsCompleted) return await ended.Task.ConfigureAwait(false);
            var (offer, gate) = await offered.Task.ConfigureAwait(false);
            return await WorkAsync(system, network, offer, gate, agent, incarnation, ended).ConfigureAwait(false);
        }
        finally
        {
            health.Without("between two actor systems");
            await Task.WhenAny(system.Terminate(), Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        }
    }

    private async Task<NodeEnd> WorkAsync(ExtendedActorSystem system, NodeNetwork network, Nodes.Offer offer, IActorRef gate, IActorRef agent, Incarnation incarnation, TaskCompletionSource<NodeEnd> ended)
    {
        NodeJob job;
        try
        {
            job = NodeJob.Build(offer, assembly, options.DataRoot);
        }
        catch (UserErrorException error)
        {
            agent.Tell(new NodeAgent.ToGate(new Nodes.Unfit(options.Name, error.Message)));
            // The reason is to be read on the coordinator's side too: wait until it is answered.
            await Task.WhenAny(ended.Task, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
            return new NodeEnd.Refused(error.Message);
        }
        using var built = job;
        var cluster = Cluster.Get(system);
        cluster.Join(gate.Path.Address);
        int stateLength = ResidualStore.LengthOf(TensorCodec.Create(job.Codec), job.Buckets.Layout, WorkerSetup.LeafOptimizerStates(job.Job.Consistency, job.Replica.UpdateRule));
        using var hub = new ChannelHub(system, new ChannelHubOptions
        {
            Rules = new FrameRules(offer.Job, job.Buckets, job.Job.Plan().Pieces, job.Codec, job.WeightsCodec, stateLength),
            Choice = options.Network.Channel,
            BindHost = options.Network.Host,
            PublicHost = network.ReachedAt,
            Identity = identity,
            Staleness = job.Job.Consistency.StalenessBound,
            Report = note,
            Refused = (_, reason) =>
            {
                agent.Tell(new NodeAgent.ToGate(new Nodes.Unfit(options.Name, reason)));
                ended.TrySetResult(new NodeEnd.Refused(reason));
            },
        });
        using var group = new ComputeGroup();
        var store = new WeightStore(-1, new FloatBuffer(job.Buckets.Layout.Length), job.Job.Consistency.StalenessBound);
        var setup = new WorkerSetup
        {
            Name = options.Name,
            Incarnation = incarnation,
            Coordinator = offer.Coordinator,
            Refused = reason => ended.TrySetResult(new NodeEnd.Refused(reason)),
            Failed = error => ended.TrySetResult(new NodeEnd.Failed($"{error.GetType().Name}: {error.Message}")),
            Plan = job.Job.Plan(),
            Buckets = job.Buckets,
            Consistency = job.Job.Consistency,
            SampleCountDenominators = job.Job.Loss.IsUniform,
            Rule = job.Replica.UpdateRule,
            LearningRate = job.Job.LearningRateAt,
            Speculate = offer.Speculate,
            Allocate = job.Codec.IsLossy ? null : options.Network.Allocate,
            Codec = job.Codec,
            CreateReplica = () => job.Replica,
            Compute = group.Add("worker", kernelThreads: options.ThreadsPerWorker),
            Store = store,
            Connect = hub.Connect,
            Clock = new SystemClock(system),
        };
        var worker = system.ActorOf(Props.Create(() => new WorkerActor(setup)).WithDispatcher(ActorTurns.Dispatcher), "worker");
        hub.Register(worker, new ResidualPlacer(stateLength, new WeightPlacer(job.Buckets, store)));
        WasIn = true;
        var own = cluster.SelfAddress;
        note($"{options.Name} listens on {own.Host}:{own.Port} and takes part in the job of {gate.Path.Address.Host}:{gate.Path.Address.Port}");
        var end = await ended.Task.ConfigureAwait(false);
        // One that leaves stays as long as others need what it has, and says so by stopping.
        if (end is NodeEnd.Stopped or NodeEnd.Done) await worker.GracefulStop(end is NodeEnd.Stopped && stateLength > 0 ? options.LeaveWithin : Farewell, end is NodeEnd.Stopped ? WorkerActor.Leave.Instance : PoisonPill.Instance).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        await NodeAgent.FarewellAsync(agent, options.Name, Farewell).ConfigureAwait(false);
        // After the job's end the coordinator goes too, and nobody is left to leave to; who was lost begins anew.
        if (end is not NodeEnd.Stopped) return end;
        using var patience = new CancellationTokenSource(Farewell);
        await cluster.LeaveAsync(patience.Token).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        return end;
    }
}
