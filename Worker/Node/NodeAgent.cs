using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using DistTrain.Protocol;

namespace DistTrain.Worker.Node;

/// <summary>How a lifetime of a node ended.</summary>
internal abstract record NodeEnd
{
    /// <summary>The job is over.</summary>
    internal sealed record Done : NodeEnd;

    /// <summary>The coordinator, or the node itself, says that it cannot take part.</summary>
    internal sealed record Refused(string Reason) : NodeEnd;

    /// <summary>Coordinator and node have lost each other: the node begins again.</summary>
    internal sealed record Lost(string Why) : NodeEnd;

    /// <summary>The worker ended by a defect.</summary>
    internal sealed record Failed(string Error) : NodeEnd;

    /// <summary>Nobody was found in time.</summary>
    internal sealed record NotFound : NodeEnd;

    /// <summary>The user asked for it.</summary>
    internal sealed record Stopped : NodeEnd;
}

/// <summary>Speaks with the coordinator's gate for a node: asks what the job is, then each second whether it is still there.</summary>
internal sealed class NodeAgent : UntypedActor, IWithTimers
{
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromSeconds(1);

    private readonly ImmutableArray<ActorSelection> gates;
    private readonly ImmutableHashSet<Address> coordinators;
    private readonly Nodes.Hello hello;
    private readonly Allegiance allegiance;
    private readonly TaskCompletionSource<(Nodes.Offer Offer, IActorRef Gate)> offered;
    private readonly TaskCompletionSource<NodeEnd> ended;
    private readonly TimeSpan patience;
    private Nodes.Offer? offer;
    private IActorRef gate = ActorRefs.Nobody;
    private TimeSpan heard;
    private long beat;
    private bool isUnfit;

    /// <summary>Begins to ask.</summary>
    public NodeAgent(
        IReadOnlyList<Address> coordinators, Nodes.Hello hello, Allegiance allegiance, TimeSpan patience, TaskCompletionSource<(Nodes.Offer, IActorRef)> offered, TaskCompletionSource<NodeEnd> ended)
    {
        (this.hello, this.allegiance, this.patience, this.offered, this.ended) = (hello, allegiance, patience, offered, ended);
        this.coordinators = [.. coordinators];
        gates = [.. coordinators.Select(address => Context.ActorSelection(new RootActorPath(address) / "user" / "gate"))];
        Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private static TimeSpan Now => Context.System.Scheduler.HighResMonotonicClock;

    /// <inheritdoc/>
    protected override void PreStart() => Timers.StartPeriodicTimer(this, Turn.Instance, TimeSpan.Zero, patience / 4 < LongestPeriod ? patience / 4 : LongestPeriod);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Nodes.Offer found when offer is null && allegiance.TryFollow(found.Line, found.Term, From):
                (offer, gate, heard) = (found, Sender, Now);
                offered.TrySetResult((found, gate));
                break;
            case Nodes.Pong pong:
                if (pong.Job == offer?.Job) OnHeard(pong.Beat);
                else ended.TrySetResult(new NodeEnd.Lost("the coordinator does not know this node any more"));
                break;
            // Refusals are read without the job's token, so that one of another job's is told why: who is in heeds none, and nobody heeds one that comes from elsewhere.
            case Membership.Refused refused when (offer is null || isUnfit) && coordinators.Contains(Sender.Path.Address): ended.TrySetResult(new NodeEnd.Refused(refused.Reason)); break;
            case Nodes.Unfit unfit: ended.TrySetResult(new NodeEnd.Refused(unfit.Reason)); break;
            case Standbys.Campaign asked when offer is null && coordinators.Contains(Sender.Path.Address) && allegiance.TryPromise(asked.Line, asked.Term, From):
                Sender.Tell(new Standbys.Promise(asked.Line, asked.Term, allegiance.Process), Self);
                break;
            case Standbys.Campaign: break;
            case Standbys.Released released: allegiance.Release(released.Line, released.Term, From); break;
            case Schedule.JobEnded: ended.TrySetResult(new NodeEnd.Done()); break;
            case ThisActorSystemQuarantinedEvent: ended.TrySetResult(new NodeEnd.Lost("the cluster has shut this node out")); break;
            case ToGate last:
                isUnfit |= last.Message is Nodes.Unfit;
                gate.Tell(last.Message, Self);
                if (last.Message is Nodes.Bye) Context.Stop(Self);
                break;
            case Turn: OnTurn(); break;
            default: Unhandled(message); break;
        }
    }

    private void OnTurn()
    {
        if (offer is null)
        {
            var asking = hello with { Line = allegiance.Line, Promised = allegiance.Promised };
            foreach (var selection in gates) selection.Tell(asking, Self);
            return;
        }
        gate.Tell(new Nodes.Ping(offer.Job, hello.Name, allegiance.Process, beat, (int)patience.TotalMilliseconds), Self);
        if (Now - heard > patience) ended.TrySetResult(new NodeEnd.Lost($"nothing was heard of the coordinator for {(Now - heard).TotalSeconds:0} s"));
    }

    private string From => $"{Sender.Path.Address.Host}:{Sender.Path.Address.Port}";

    /// <summary>The coordinator is there: until the patience with it is over, nothing is promised to another.</summary>
    private void OnHeard(long said)
    {
        heard = Now;
        beat = said;
        allegiance.Hold(patience);
    }

    /// <summary>Says goodbye to the gate. It is on its way when this ends: a system that ended before would stop the agent with the word unsaid, and the coordinator would wait for it.</summary>
    public static Task FarewellAsync(IActorRef agent, string name, TimeSpan most) => agent.GracefulStop(most, new ToGate(new Nodes.Bye(name))).ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>Has a message sent to the gate; a goodbye is the last.</summary>
    internal sealed record ToGate(IProtocolMessage Message) : INoSerializationVerificationNeeded;

    private sealed class Turn
    {
        public static readonly Turn Instance = new();
    }
}
