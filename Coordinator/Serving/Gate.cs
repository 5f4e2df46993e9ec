using Akka.Actor;
using Akka.Cluster;
using DistTrain.Protocol;
using DistTrain.Simd;
using DistTrain.Transport;
using DistTrain.Transport.Channels;

namespace DistTrain.Coordinator.Serving;

/// <summary>
/// Where nodes come to: tells them what the job is, or why they may not take part, and watches the cluster for those that go. Without a standby nobody shuts the coordinator out: it alone decides who is down.
/// </summary>
internal sealed partial class Gate : UntypedActor, IWithTimers
{
    private static readonly TimeSpan AsksAgain = TimeSpan.FromSeconds(1), TellsAgain = TimeSpan.FromMilliseconds(250);

    private readonly GateSetup setup;
    private readonly Cluster cluster = Cluster.Get(Context.System);
    private readonly NodeBook nodes = new();
    private readonly Dictionary<Address, Incarnation> members = [];
    private readonly StrangerLog refusals;
    private readonly Dictionary<Address, (Nodes.Hello Hello, IActorRef Node, TimeSpan Heard)> waiting = [];
    private Opened? opened;
    private bool over, goesOn;

    /// <summary>Opens the gate.</summary>
    public Gate(GateSetup setup)
    {
        this.setup = setup;
        refusals = new StrangerLog(setup.Report, TimeSpan.FromMinutes(1), "more were refused in {0} s", first: 20);
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private static TimeSpan Now => Context.System.Scheduler.HighResMonotonicClock;

    /// <inheritdoc/>
    protected override void PreStart() =>
        cluster.Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.MemberJoined), typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.ReachableMember), typeof(ClusterEvent.MemberRemoved), typeof(ClusterEvent.MemberExited));

    /// <inheritdoc/>
    protected override void PostStop()
    {
        cluster.Unsubscribe(Self);
        refusals.Dispose();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case IProtocolMessage when !setup.Reigns(): break;
            case Nodes.Hello hello: OnHello(hello); break;
            case Nodes.Ask ask: OnAsk(ask); break;
            case Nodes.Ping ping: OnPing(ping); break;
            case Nodes.Unfit unfit:
                refusals.Add($"{PlainText.Of(unfit.Name, PlainText.LongestName)} cannot take part: {PlainText.Of(unfit.Reason)}");
                Sender.Tell(new Membership.Refused(unfit.Reason), Self);
                // It may have taken part already: tensors cannot reach the coordinator.
                Lose(Sender.Path.Address);
                Forget(Sender.Path.Address);
                break;
            case Nodes.Bye: OnBye(Sender.Path.Address); break;
            case ClusterEvent.MemberJoined { Member: var member }: OnJoined(member); break;
            case ClusterEvent.UnreachableMember { Member: var member } when member.Address != cluster.SelfAddress:
                setup.Report($"{nodes.NameOf(member.Address)} is silent");
                if (IsCurrent(member)) Lose(member.Address);
                Timers.StartSingleTimer(member.Address, new ShutOut(member.Address), setup.StableAfter);
                break;
            case ClusterEvent.ReachableMember reachable: Timers.Cancel(reachable.Member.Address); break;
            case ClusterEvent.MemberExited { Member: var member }:
                if (IsCurrent(member)) Lose(member.Address);
                break;
            case ClusterEvent.MemberRemoved { Member: var member }: OnRemoved(member); break;
            case Absent absent: OnAbsent(absent); break;
            case ShutOut silent:
                setup.Report($"{nodes.NameOf(silent.Node)} is shut out: it was silent for too long");
                cluster.Down(silent.Node);
                break;
            case ChannelBroken broken: OnBroken(broken.Node); break;
            case ChannelRefused refused: OnChannelRefused(refused.Node, refused.Reason); break;
            case Opened job: OnOpened(job); break;
            case JobOver: OnOver(); break;
            case GoesBack:
                goesOn = true;
                OnOver();
                break;
            case TellsEnd: OnTellsEnd(); break;
            default: Unhandled(message); break;
        }
    }

    private static Incarnation LifeOf(Member member) => new(member.UniqueAddress.Uid);

    /// <summary>Not one whose address another lifetime has taken over: that one is another node.</summary>
    private bool IsCurrent(Member member) => !nodes.HasOther(member.Address, LifeOf(member));

    private void OnJoined(Member member)
    {
        members[member.Address] = LifeOf(member);
        if (member.Address == cluster.SelfAddress || nodes.HasPassed(member.Address, LifeOf(member))) return;
        refusals.Add($"{member.Address} is shut out: it has joined the cluster and not the job");
        cluster.Down(member.Address);
    }

    private void OnRemoved(Member member)
    {
        if (members.TryGetValue(member.Address, out var life) && life == LifeOf(member)) members.Remove(member.Address);
        Timers.Cancel(member.Address);
        if (!IsCurrent(member)) return;
        Lose(member.Address);
        Leave(member.Address);
    }

    /// <summary>
    /// Whether the cluster still has an earlier lifetime of a node that asks: it was started again at its port, so that one is over. The node asks again each second; let in before, it would be taken for the one that is removed.
    /// </summary>
    private bool IsAwaited(Address node, Incarnation life)
    {
        if (!members.TryGetValue(node, out var former) || former == life) return false;
        Lose(node);
        cluster.Down(node);
        return true;
    }

    private void OnHello(Nodes.Hello hello)
    {
        if ((Refusal(hello.Version, hello.Name, hello.Incarnation, hello.Proof) ?? Unable(hello)) is { } reason) Refuse(hello, Sender, reason);
        else if (over)
        {
            // A coordinator that goes back to its checkpoint will answer when it is there again.
            if (!goesOn) Sender.Tell(End, Self);
        }
        else if (IsAwaited(Sender.Path.Address, hello.Incarnation)) return;
        else if (nodes.IsTaken(Sender.Path.Address, hello.Name, Now, out bool isAlive))
        {
            // It asks again each second; a worker that was killed and started again passes once its earlier life is known to be over.
            if (isAlive) Refuse(hello, Sender, "another worker of this name takes part: give it a --name of its own");
        }
        else if (opened is { } job) Admit(hello, Sender, job.Offer);
        else Gather(hello);
    }

    private void Refuse(Nodes.Hello hello, IActorRef node, string reason)
    {
        refusals.Add($"{PlainText.Of(hello.Name, PlainText.LongestName)} (process {hello.ProcessId}) is refused: {reason}");
        node.Tell(new Membership.Refused(reason), Self);
    }

    private void Admit(Nodes.Hello hello, IActorRef node, Nodes.Offer offer)
    {
        // Not while the standby may reign: a node that follows this coordinator would never follow that one again.
        if (setup.Standby is { IsUnsure: true }) return;
        // Of an earlier life that never came into the cluster nobody else says that it is over.
        if (nodes.HasOther(node.Path.Address, hello.Incarnation)) Lose(node.Path.Address);
        nodes.Admit(node.Path.Address, hello.Incarnation, hello.Name, Now);
        node.Tell(offer, Self);
        Await(node.Path.Address);
    }

    private void Await(Address node) => Timers.StartSingleTimer(new Absent(node), new Absent(node), setup.ComesWithin);

    /// <summary>A node that passed and never comes into the cluster is never removed from it either: one that died in between, or does not fit. While it builds its job, which may take long, it is heard.</summary>
    private void OnAbsent(Absent absent)
    {
        if (cluster.State.Members.Any(member => member.Address == absent.Node)) return;
        if (nodes.Knows(absent.Node) && nodes.SilenceOf(absent.Node, Now) < setup.ComesWithin)
        {
            Await(absent.Node);
            return;
        }
        if (nodes.Knows(absent.Node)) setup.Report($"{nodes.NameOf(absent.Node)} is gone: it was told of the job and has not come");
        Lose(absent.Node);
        Leave(absent.Node);
    }

    /// <summary>A node has gone from job and cluster: nothing of it is kept.</summary>
    private void Leave(Address node)
    {
        setup.Disconnect(node);
        nodes.Leave(node);
        Forget(node);
    }

    /// <summary>The level is not settled yet: nodes wait, asking again each second, until enough of them are there.</summary>
    private void Gather(Nodes.Hello hello)
    {
        waiting[Sender.Path.Address] = (hello, Sender, Now);
        foreach (var gone in waiting.Where(node => Now - node.Value.Heard > AsksAgain * 3).ToList()) waiting.Remove(gone.Key);
        if (waiting.Count >= setup.MinWorkers) setup.Gathered.TrySetResult(waiting.Values.Select(node => LevelOf(node.Hello)!.Value).Append(Numerics.Best).Min());
    }

    private void OnOpened(Opened job)
    {
        opened = job;
        foreach (var (hello, node, _) in waiting.Values)
        {
            if (Unable(hello) is { } reason) Refuse(hello, node, reason);
            // One of two of a name passes; the other asks again, and is told.
            else if (!nodes.IsTaken(node.Path.Address, hello.Name, Now, out _)) Admit(hello, node, job.Offer);
        }
        waiting.Clear();
    }

    /// <summary>A connection for tensors broke: most often its process has died, and nobody needs to wait until it counts as unreachable. One that lives joins again.</summary>
    private void OnBroken(Address node)
    {
        if (nodes.Knows(node)) Lose(node);
    }

    /// <summary>Tensors cannot reach a node by the channels that are allowed: it is of no use, and is told why.</summary>
    private void OnChannelRefused(Address node, string reason)
    {
        setup.Report($"{nodes.NameOf(node)} cannot take part: {reason}");
        Context.ActorSelection(new RootActorPath(node) / "user" / "node").Tell(new Nodes.Unfit(nodes.NameOf(node), reason), Self);
        Lose(node);
        Forget(node);
    }

    private void OnAsk(Nodes.Ask ask)
    {
        if (Refusal(ask.Version, ask.Name, ask.Incarnation, ask.Proof) is { } reason)
        {
            refusals.Add($"{PlainText.Of(ask.Name, PlainText.LongestName)} is refused: {reason}");
            Sender.Tell(new Membership.Refused(reason), Self);
            return;
        }
        var status = setup.Status();
        Sender.Tell(status with { Workers = [.. status.Workers.Select(row => row with { Channel = ChannelTo(row.Name) })] }, Self);
        if (ask.Stop) setup.Stop($"stopped by {ask.Name}");
    }

    private string? Refusal(int version, string name, Incarnation incarnation, byte[] proof)
    {
        if (!PlainText.IsName(name)) return $"its name has to be of 1 to {PlainText.LongestName} printable characters";
        if (version != Membership.ProtocolVersion) return $"its protocol version is {version}, the coordinator's is {Membership.ProtocolVersion}";
        // Its messages would be sealed, and the answers not.
        if (setup.Token is not { } token) return proof.Length == 0 ? null : "it has a token, the job has none";
        if (token.Accepts(name, incarnation, proof)) return null;
        return proof.Length == 0 ? "it has no token, the job has one" : "its token is not the job's";
    }

    private string? Unable(Nodes.Hello hello)
    {
        var level = opened?.Level ?? setup.Numerics;
        if (LevelOf(hello) is not { } best) return $"its numerics level '{PlainText.Of(hello.Numerics, 20)}' is not known here";
        return best < level ? $"its machine computes with {hello.Numerics} at most, the job with {Numerics.Name(level.Value)}" : null;
    }

    private static SimdLevel? LevelOf(Nodes.Hello hello) => Numerics.TryParse(hello.Numerics, out var level) ? level : null;

    private void OnPing(Nodes.Ping ping)
    {
        bool isKnown = nodes.Heard(Sender.Path.Address, Now);
        if (isKnown) setup.Standby?.Heard(Sender.Path.Address, ping);
        // One that never passed the gate, or was shut out, learns nothing but that it has to begin anew.
        if (over) Sender.Tell(End, Self);
        else Sender.Tell(new Nodes.Pong(isKnown ? setup.Job : default, setup.Standby?.Beat() ?? 0), Self);
    }

    /// <summary>Told a node for the job's end; where the run goes back to its last checkpoint, nodes begin again, and find it here.</summary>
    private IProtocolMessage End => goesOn ? new Nodes.Pong(default) : new Schedule.JobEnded(setup.Term, "over");

    /// <summary>The shards of a node's worker move on; the node itself may come back.</summary>
    private void Lose(Address address)
    {
        nodes.Lose(address);
        setup.Standby?.Lost(address);
        if (over || opened is not { } job) return;
        var lost = new NodeLost(address, nodes.SilenceOf(address, Now).TotalMilliseconds);
        job.Offer.Coordinator.Tell(lost, Self);
        // Weights that wait to be sent there would hold a version of each step until the node is shut out.
        foreach (var server in job.Servers) server.Tell(lost, Self);
    }

    /// <summary>A node ends its system: what it had moves on at once, should it not have been handed over.</summary>
    private void OnBye(Address address)
    {
        if (!nodes.Knows(address)) return;
        Lose(address);
        Forget(address);
    }

    private void Forget(Address address)
    {
        nodes.Forget(address);
        setup.Standby?.Lost(address);
        if (over) OnTellsEnd();
    }

    /// <summary>A message may be lost while a node hangs or its connection opens again: each is told until it has said goodbye, or is given up.</summary>
    private void OnOver()
    {
        if (over) return;
        over = true;
        nodes.End(Now);
        Timers.StartPeriodicTimer(TellsEnd.Instance, TellsEnd.Instance, TimeSpan.Zero, TellsAgain);
    }

    private void OnTellsEnd()
    {
        var left = nodes.YetToHear(Now);
        if (left.Count == 0) setup.AllGone.TrySetResult();
        foreach (var node in left) Context.ActorSelection(new RootActorPath(node) / "user" / "node").Tell(End, Self);
    }

    /// <summary>How tensors travel to the node of a name; empty where none did yet.</summary>
    private string ChannelTo(string name)
    {
        var peers = nodes.Named(name).Select(node => node.ToString()).ToHashSet();
        return setup.Channels().FirstOrDefault(channel => peers.Contains(channel.Peer)) is { } found ? found.Kind.Name() : "";
    }
}
