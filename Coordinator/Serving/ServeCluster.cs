using Akka.Actor;
using Akka.Cluster;
using DistTrain.Coordinator.Recovery;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker.Node;

namespace DistTrain.Coordinator.Serving;

/// <summary>A coordinator's node: servers and coordinator here, workers in processes of their own that come and go. The same job gives the same bits as a local cluster.</summary>
internal sealed class ServeCluster : IDisposable
{
    private const string TakenOver = "another coordinator has taken over";
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    private readonly ClusterJob job;
    private readonly ServeOptions options;
    private readonly ClusterOptions settings;
    private readonly JobHost host;
    private readonly RunStatus status;
    private readonly Reign? reign;
    private readonly NodeIdentity? identity;
    private readonly ExtendedActorSystem system;
    private readonly TaskCompletionSource allGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChannelHub? hub;

    /// <summary>Begins to listen; nothing runs yet.</summary>
    /// <exception cref="UserErrorException">The address cannot be used, or TLS is needed and not given.</exception>
    public ServeCluster(ClusterJob job, ServeOptions options, ClusterOptions settings, Reign? reign, Action<RunEvent> observer)
    {
        (this.job, this.options, this.settings, this.reign) = (job, options, settings, reign);
        status = new RunStatus(job.Plan, job.StartStep);
        host = new JobHost(job, settings, happened =>
        {
            status.Tell(happened);
            observer(happened);
        });
        for (int i = 0; i < Environment.ProcessorCount; i++) host.Group.Add($"server {i}");
        identity = options.Network.Identity();
        if (options.Network.Port != 0) NodeSystem.CheckPort(options.Network);
        system = NodeSystem.Start(NodeSystem.CoordinatorRole, options.Network, identity);
    }

    /// <summary>The port of the control plane.</summary>
    public int Port => system.Provider.DefaultAddress.Port ?? 0;

    /// <summary>The node's system.</summary>
    public ActorSystem System => system;

    /// <summary>Trains to the job's end, with whoever takes part.</summary>
    /// <param name="resolved">The job, with nothing left to defaults that depend on machines.</param>
    /// <param name="data">The data's fingerprint.</param>
    /// <param name="report">Told, in a line each, about nodes that come and go.</param>
    /// <param name="stop">Stops after the step in progress.</param>
    public async Task<RunResult> RunAsync(JobOptions resolved, string data, Action<string> report, CancellationToken stop)
    {
        var place = new HostPlace { MinWorkers = options.MinWorkers, WorkersMayJoin = true, Term = new Term(reign?.Term ?? 1) };
        hub = new ChannelHub(system, new ChannelHubOptions
        {
            Rules = new FrameRules(place.Job, host.Buckets, job.Plan.Pieces, job.Codec, job.WeightsCodec),
            Choice = options.Network.Channel,
            BindHost = options.Network.Host,
            PublicHost = options.Network.ReachedAt,
            Identity = identity,
            Staleness = job.Consistency.StalenessBound,
            Hold = WeightPlacer.HoldVersions(host.Published),
            Report = report,
        });
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);
        host.Start(system, new SystemClock(system), place with { Connect = hub.Connect, ServerStarted = (server, number) => hub.Register(server, new GradientPlacer(host.Buckets, number)) });
        Numerics.TryParse(resolved.Numerics, out var level);
        var gateSetup = new GateSetup
        {
            Offer = new Nodes.Offer(
                place.Job, place.Term, JobJson.Of(resolved), job.Layout.Hash, data, settings.Servers, settings.BucketBytes, settings.Speculate, host.Coordinator),
            Numerics = level,
            Token = JobToken.Load(options.Network.TokenFile),
            StableAfter = options.StableAfter,
            Report = report,
            Status = () => status.Now(JobJson.Of(resolved)),
            Channels = hub.Status,
            Stop = host.Stop,
            Reigns = () => reign is null || reign.IsFresh,
            Disconnect = hub.Disconnect,
            AllGone = allGone,
        };
        var gate = system.ActorOf(Props.Create(() => new Gate(gateSetup)), "gate");
        using var losing = reign?.Lost.Register(() => host.Fail(TakenOver));
        using var registration = stop.Register(() => host.Stop("stopped by the user"));
        var last = await host.Ended.ConfigureAwait(false);
        if (reign is null || reign.TryFenced(() => { }))
        {
            gate.Tell(Gate.JobOver.Instance);
        }
        else
        {
            // Whoever has taken over goes on with the workers, and tells of the job's end.
            last = new RunEvent.Failed(TakenOver);
            allGone.TrySetResult();
        }
        await Task.WhenAny(allGone.Task, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        hub.Dispose();
        await Task.WhenAny(system.Terminate(), Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        var result = host.Result(last);
        if (last is not RunEvent.Failed) reign?.End();
        return result;
    }

    /// <summary>Ends everything.</summary>
    public void Dispose()
    {
        hub?.Dispose();
        system.Terminate().Wait(Farewell);
        host.Close();
        identity?.Dispose();
    }
}
