using Akka.Actor;
using Akka.Cluster;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Coordinator.Recovery;
using DistTrain.Coordinator.Serving;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Transport.Frames;
using DistTrain.Worker.Node;

namespace DistTrain.Coordinator.Standby;

/// <summary>A standby's process while it stands by for a primary that it was told of, in as many lives as that takes.</summary>
/// <param name="options">What was asked for.</param>
/// <param name="check">Checks that the primary's job is the one that was asked for.</param>
/// <param name="note">Told lines for people.</param>
internal sealed class StandbyNode(ServeOptions options, Action<JobOptions> check, Action<string> note) : IDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly string folder = options.Checkpoints.Folder!;
    private readonly NodeIdentity? identity = options.Network.Identity();
    private readonly JobToken? token = JobToken.Load(options.Network.TokenFile);
    private LeaseFile? lease;
    private Reign? reign;
    private string? compared;
    private bool told;

    /// <summary>Stands by until something else is to be done.</summary>
    /// <param name="stop">Leaves.</param>
    public async Task<StandbyEnd> RunAsync(CancellationToken stop)
    {
        var primary = NodeSystem.AddressOf(options.Join!, identity is not null, "--join");
        if (options.Network.Port != 0) NodeSystem.CheckPort(options.Network);
        var network = options.Network.Resolved();
        var asked = new Term(0);
        while (true)
        {
            var candidacy = new Candidacy(asked);
            var (end, port) = await LiveAsync(network, primary, candidacy, stop).ConfigureAwait(false);
            (asked, network) = (candidacy.LastAsked, network with { Port = port });
            if (end is StandbyActor.Elected elected)
            {
                var right = reign!;
                reign = null;
                return new StandbyEnd.TakesOver(elected.Offer, elected.Term, right, port);
            }
            if (end is not StandbyEnd.Again) return (StandbyEnd)end;
        }
    }

    /// <summary>Gives the folder up, where it was not passed on.</summary>
    public void Dispose()
    {
        reign?.Dispose();
        identity?.Dispose();
    }

    private async Task<(object End, int Port)> LiveAsync(NodeNetwork network, Address primary, Candidacy candidacy, CancellationToken stop)
    {
        var system = NodeSystem.Start(NodeSystem.CoordinatorRole, network, identity, token?.Seal());
        var own = system.Provider.DefaultAddress;
        var ended = new TaskCompletionSource<object>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stopping = stop.Register(() => ended.TrySetResult(new StandbyEnd.Stopped()));
        try
        {
            string name = $"{Environment.MachineName}-{Environment.ProcessId}";
            var incarnation = new Incarnation(Cluster.Get(system).SelfUniqueAddress.Uid);
            var setup = new StandbySetup
            {
                Primary = primary,
                Hello = new Standbys.Hello(Membership.ProtocolVersion, name, incarnation, Environment.ProcessId, token?.Prove(name, incarnation) ?? []),
                Detection = network.Detection,
                Folder = new CheckpointFolder(folder, options.Checkpoints.Keep),
                Consider = offer => Consider(offer, ended),
                Open = (offer, standby) => OpenChannels(system, network, offer, standby),
                Candidacy = candidacy,
                Note = note,
                Ended = ended,
            };
            var standby = system.ActorOf(Props.Create(() => new StandbyActor(setup)), StandbyDesk.Name);
            system.ActorOf(Props.Create(() => new StandbyGate(standby)), "gate");
            if (!told) note($"listening on {own.Host}:{own.Port}, standing by for {options.Join}");
            told = true;
            object end = await ended.Task.ConfigureAwait(false);
            if (end is StandbyEnd.Stopped) standby.Tell(StandbyActor.Leave.Instance);
            // What it said last is on its way before the system ends.
            if (end is not StandbyActor.Elected) await standby.GracefulStop(Farewell).ConfigureAwait(false);
            return (end, own.Port!.Value);
        }
        finally
        {
            await Task.WhenAny(system.Terminate(), Task.Delay(Farewell, CancellationToken.None)).ConfigureAwait(false);
        }
    }

    private StandbyChoice Consider(Standbys.Offer offer, TaskCompletionSource<object> ended)
    {
        if (Reign.OwnerOf(folder) is { } owner && owner == offer.Lease)
        {
            note($"--checkpoint-dir {folder} is {options.Join}'s too: its lease decides who reigns");
            return new StandbyChoice.Share();
        }
        if (compared != offer.Options)
        {
            var job = JobJson.Parse(offer.Options);
            check(job);
            if (new CheckpointFolder(folder).Files() is [var newest, ..] && JobJson.Difference(JobJson.Parse(CheckpointFile.ReadJob(newest)), job) is var (name, was, now))
                throw new UserErrorException($"--checkpoint-dir {folder}: holds {Path.GetFileName(newest)} of another job, whose --{name} is {was}, {options.Join}'s is {now}; give another folder");
            compared = offer.Options;
        }
        lease ??= Reign.LeaseOf(folder, options.Network.Detection);
        reign ??= Reign.TryTake(lease, folder, options.Network.Detection);
        if (reign is null) return new StandbyChoice.Wait();
        reign.Lost.Register(() => ended.TrySetResult(new StandbyEnd.Unfit(new UserErrorException($"--checkpoint-dir {folder}: another process uses it now"))));
        note($"stands by for {options.Join} with a folder of its own: checkpoints come over the network, and more than half of the workers decide who reigns");
        return new StandbyChoice.Accept(StandbyLives.Next(folder));
    }

    private ChannelHub OpenChannels(ExtendedActorSystem system, NodeNetwork network, Standbys.Offer offer, IActorRef standby)
    {
        // No gradients or weights come here: of the layout nothing is needed but that there is one.
        var buckets = new BucketPlan(new ParameterLayout([("none", [1])]), 1, 1 << 20);
        var hub = new ChannelHub(system, new ChannelHubOptions
        {
            Rules = new FrameRules(offer.Job, buckets, 1, longest: CheckpointPieces.Floats),
            Choice = network.Channel,
            BindHost = network.Host,
            PublicHost = network.ReachedAt,
            Identity = identity,
        });
        hub.Register(standby, new PiecePlacer());
        return hub;
    }
}
