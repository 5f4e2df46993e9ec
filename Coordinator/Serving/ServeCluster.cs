using Akka.Actor;
using Akka.Cluster;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Recovery;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
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
    private readonly LossWatch losses;
    private readonly Reign? reign;
    private readonly NodeIdentity? identity;
    private readonly JobToken? token;
    private readonly ExtendedActorSystem system;
    private readonly TaskCompletionSource allGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource standbyTold = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChannelHub? hub;

    /// <summary>The run has ended: that nodes close their connections is what is to be expected.</summary>
    private volatile bool isOver;
    private volatile IActorRef? desk;
    private volatile string? fallen;

    /// <summary>Begins to listen; nothing runs yet.</summary>
    /// <exception cref="UserErrorException">The address cannot be used, or TLS is needed and not given.</exception>
    public ServeCluster(ClusterJob job, ServeOptions options, ClusterOptions settings, Reign? reign, Action<RunEvent> observer)
    {
        (this.job, this.options, this.settings, this.reign) = (job.Begun(), options, settings, reign);
        status = new RunStatus(job.Plan, job.StartStep);
        losses = new LossWatch(text => host!.Note(text));
        host = new JobHost(job, settings, happened =>
        {
            status.Tell(happened);
            losses.Tell(happened);
            observer(happened);
        }, options.Network.Allocate);
        for (int i = 0; i < Environment.ProcessorCount; i++) host.Group.Add($"server {i}");
        identity = options.Network.Identity();
        token = JobToken.Load(options.Network.TokenFile);
        if (options.Network.Port != 0) NodeSystem.CheckPort(options.Network);
        var network = options.Network.Resolved();
        Host = network.ReachedAt;
        system = NodeSystem.Start(NodeSystem.CoordinatorRole, network, identity, token?.Seal());
    }

    /// <summary>The host that other nodes reach this one at.</summary>
    public string Host { get; }

    /// <summary>The port of the control plane.</summary>
    public int Port => system.Provider.DefaultAddress.Port ?? 0;

    /// <summary>The node's system.</summary>
    public ActorSystem System => system;

    /// <summary>Trains to the job's end, with whoever takes part.</summary>
    /// <param name="resolved">The job, with nothing left to defaults that depend on machines.</param>
    /// <param name="data">The data.</param>
    /// <param name="stop">Stops after the step in progress.</param>
    public async Task<RunResult> RunAsync(JobOptions resolved, Data.DataSplit data, CancellationToken stop)
    {
        var place = new HostPlace { MinWorkers = options.MinWorkers, WorkersMayJoin = true, Term = new Term(reign?.Term ?? 1) };
        IActorRef gate = ActorRefs.Nobody;
        int stateLength = ResidualStore.LengthOf(TensorCodec.Create(job.Codec), job.Layout, job.LeafOptimizerStates);
        hub = new ChannelHub(system, new ChannelHubOptions
        {
            Rules = new FrameRules(place.Job, host.Buckets, job.Plan.Pieces, job.Codec, job.WeightsCodec, Math.Max(stateLength, reign is null ? 0 : CheckpointPieces.Floats)),
            Choice = options.Network.Channel,
            BindHost = options.Network.Host,
            PublicHost = Host,
            Identity = identity,
            Staleness = job.Consistency.StalenessBound,
            Hold = WeightPlacer.HoldVersions(host.Published),
            Report = text =>
            {
                if (!isOver) host.Note(text);
            },
            Broken = node => gate.Tell(new Gate.ChannelBroken(node)),
            Refused = (node, reason) => gate.Tell(new Gate.ChannelRefused(node, reason)),
        });
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);
        var gathered = new TaskCompletionSource<SimdLevel>(TaskCreationOptions.RunContinuationsAsynchronously);
        string? reason = null;
        void Stop(string why)
        {
            reason = why;
            gathered.TrySetResult(Numerics.Level);
            host.Stop(why);
        }
        if (Numerics.TryParse(resolved.Numerics, out var asked)) gathered.SetResult(asked);
        var gateSetup = new GateSetup
        {
            Job = place.Job,
            Term = place.Term,
            Numerics = gathered.Task.IsCompleted ? asked : null,
            MinWorkers = options.MinWorkers,
            Gathered = gathered,
            Token = token,
            StableAfter = options.StableAfter,
            Report = host.Note,
            Status = () => status.Now(JobJson.Of(resolved)),
            Channels = hub.Status,
            Stop = Stop,
            Reigns = () => reign is null || reign.IsFresh,
            Standby = reign?.Standby,
            Disconnect = hub.Disconnect,
            AllGone = allGone,
        };
        gate = system.ActorOf(Props.Create(() => new Gate(gateSetup)), "gate");
        _ = gate.WatchAsync().ContinueWith(_ =>
        {
            Fell(Defects.Tell("the gate, which workers come to, stopped", gate));
            gathered.TrySetResult(Numerics.Level);
            allGone.TrySetResult();
        }, TaskScheduler.Default);
        void Lose()
        {
            gathered.TrySetResult(Numerics.Level);
            host.Fail(Lost);
        }
        using var losing = reign?.Lost.Register(Lose);
        using var losingWorkers = reign?.Standby.Deposed.Register(Lose);
        using var registration = stop.Register(() => Stop("stopped by the user"));
        var level = await gathered.Task.ConfigureAwait(false);
        Numerics.Use(level);
        resolved = resolved with { Numerics = Numerics.Name(level) };
        host.Start(system, new SystemClock(system), place with
        {
            Settled = resolved,
            Connect = hub.Connect,
            ServerStarted = (server, number) => hub.Register(server, new GradientPlacer(host.Buckets, number)),
            Passes = reign is null ? (_, _) => true : reign.Standby.Passes,
            Saved = done =>
            {
                if (desk is not { } open) return false;
                open.Tell(done);
                return true;
            },
            CoordinatorStarted = coordinator => hub.Register(coordinator, new ResidualPlacer(stateLength)),
        });
        // What came before there was anybody to tell.
        if (reason is not null) host.Stop(reason);
        if (fallen is { } fell) host.Fail(fell);
        if (reign is { Lost.IsCancellationRequested: true } or { Standby.Deposed.IsCancellationRequested: true }) host.Fail(Lost);
        var offer = new Nodes.Offer(
            place.Job, place.Term, JobJson.Of(resolved), job.Layout.Hash, data.Fingerprint, data.Summary, settings.Servers, settings.BucketBytes, settings.Speculate, host.Coordinator, reign?.Standby.Line ?? place.Job.Value);
        gate.Tell(new Gate.Opened(offer, level, host.Servers));
        OpenDesk(place, offer);
        var last = await host.Ended.ConfigureAwait(false);
        isOver = true;
        if (reign is not null && last is not RunEvent.Failed) await reign.Standby.SettledAsync().ConfigureAwait(false);
        if (last is RunEvent.RolledBack)
        {
            gate.Tell(Gate.GoesBack.Instance);
        }
        else if (reign is null || (!reign.Standby.Deposed.IsCancellationRequested && reign.TryFenced(() => { })))
        {
            gate.Tell(Gate.JobOver.Instance);
            if (last is RunEvent.Finished or RunEvent.Interrupted) await TellStandbyAsync().ConfigureAwait(false);
        }
        else
        {
            // Whoever has taken over goes on with the workers, and tells of the job's end.
            last = new RunEvent.Failed(Lost);
            allGone.TrySetResult();
        }
        await Task.WhenAny(allGone.Task, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        desk = null;
        hub.Dispose();
        await Task.WhenAny(system.Terminate(), Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        var result = host.Result(last);
        if (last is RunEvent.Finished or RunEvent.Interrupted) reign?.End();
        return result;
    }

    /// <summary>What it means that another coordinator reigns, and what to do.</summary>
    private string Lost => reign is { Standby.Deposed.IsCancellationRequested: true }
        ? $"{TakenOver}: {reign.Standby.Successor}; to have this one stand by for it, start it with --standby --join and that address"
        : TakenOver;

    /// <summary>Lets a standby in.</summary>
    private void OpenDesk(HostPlace place, Nodes.Offer offer)
    {
        if (reign is null || settings.Checkpoints is not { } plan) return;
        var setup = new StandbyDeskSetup
        {
            Job = place.Job,
            Term = place.Term,
            Rule = reign.Standby,
            Folder = plan.Folder,
            Lease = reign.Owner,
            Options = offer.Options,
            Layout = offer.Layout,
            Token = token,
            Detection = options.Network.Detection,
            Connect = hub!.Connect,
            IsSecure = identity is not null,
            Tell = host.Tell,
            Told = standbyTold,
        };
        var opened = system.ActorOf(Props.Create(() => new StandbyDesk(setup)), StandbyDesk.Name);
        desk = opened;
        _ = opened.WatchAsync().ContinueWith(_ =>
        {
            desk = null;
            standbyTold.TrySetResult();
            Fell(Defects.Tell("the desk for a standby stopped", opened));
        }, TaskScheduler.Default);
    }

    /// <summary>Something that the run cannot do without is no more; at its end that changes nothing.</summary>
    private void Fell(string what)
    {
        fallen = what;
        host.Fail(what);
    }

    private async Task TellStandbyAsync()
    {
        desk?.Tell(StandbyDesk.Over.Instance);
        if (desk is not null) await Task.WhenAny(standbyTold.Task, Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
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
