using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Scheduling;
using DistTrain.Coordinator.Serving;
using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Transport;

namespace DistTrain.Coordinator;

/// <summary>
/// The coordinator: takes workers in, hands out shards, says how far to train, has epochs evaluated, and knows when the job is done. It stands in no step's way: it speaks only when something changes.
/// </summary>
public sealed partial class CoordinatorActor : UntypedActor
{
    private readonly CoordinatorSetup setup;
    private readonly Roster roster = new();
    private readonly AppliedSteps applied;
    private readonly Training.ClockPlan clocks;
    private readonly SampleLedger samples;
    private readonly RunMetrics metrics;
    private readonly EpochLedger epochs;
    private readonly RunOrders orders;
    private readonly SpeedAdvisor? advisor;
    private readonly ResidualDesk? residuals;
    private readonly ICancelable tick;
    private Phase phase = Phase.Gathering;
    private EvaluationBoard? board;
    private EpochSum? summing;
    private string stopReason = "";
    private string outcome = "";
    private long version;
    private int patience;
    private int quietTicks;

    private enum Phase
    {
        Gathering,
        Training,
        Evaluating,
        Halting,
        Finishing,
        Ending,
        Ended,
    }

    /// <summary>Makes the coordinator; it begins when enough workers are in.</summary>
    public CoordinatorActor(CoordinatorSetup setup)
    {
        this.setup = setup;
        version = setup.StartVersion ?? setup.StartStep;
        applied = new AppliedSteps(setup.Servers.Length, setup.StartStep);
        clocks = new Training.ClockPlan(setup.Plan, setup.Consistency);
        samples = new SampleLedger(setup.Plan, clocks, setup.StartStep);
        metrics = new RunMetrics(setup.Plan, clocks, samples, setup.Notes);
        epochs = new EpochLedger(setup.Plan, setup.Watch, setup.Best, Steps, setup.Notes);
        setup.SetRate(epochs.Rate);
        orders = new RunOrders(setup.Term, setup.Plan.Shards);
        if (setup.LeavesHaveState) residuals = new ResidualDesk(setup, roster, Self, OnResidualLost);
        // Within one process nothing travels.
        if (setup.WorkersMayJoin && setup.Consistency is Training.Consistency.Bsp) advisor = new SpeedAdvisor(PerStep, IsPlain ? workers => PerStep(SpeedAdvisor.CompressedCodecs, workers) : null);
        foreach (var server in setup.Servers) Context.Watch(server);
        AskServers();
        tick = setup.Clock.Every(setup.Tick, Self, Tick.Instance);
    }

    /// <inheritdoc/>
    protected override void PostStop() => tick.Cancel();

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (phase == Phase.Ended)
        {
            // Whoever did not hear of the end hears of it now.
            if (message is Membership.Heartbeat or Membership.Join or Membership.Leave) Sender.Tell(new Schedule.JobEnded(setup.Term, outcome), Self);
            return;
        }
        switch (message)
        {
            case Progress.Applied report: OnApplied(report); break;
            case Membership.Heartbeat beat: OnHeartbeat(beat); break;
            case Membership.Join join: OnJoin(join); break;
            case Residuals.Wanted wanted: residuals?.Heard(wanted, Sender); break;
            case Residuals.Answer answer: residuals?.Heard(answer); break;
            case TensorArrived { Header: Residuals.State state } arrived:
                residuals?.Take(state, arrived.Tensor);
                arrived.Lease?.Dispose();
                break;
            case Membership.Leave leave: OnLeave(leave); break;
            case Membership.Lost lost: OnLost(lost.Worker, lost.Incarnation, lost.SilentMs); break;
            case NodeLost node: OnNodeLost(node); break;
            case Terminated dead: OnTerminated(dead); break;
            case Gone gone: OnGone(gone.Worker); break;
            case Evaluation.Report report when !setup.Passes(Self, report): break;
            case Evaluation.Report report: OnEvaluated(report); break;
            case EpochSummed done: OnSummed(done); break;
            case Schedule.Halted halted: OnHalted(halted); break;
            case Schedule.Stop stop: OnStop(stop); break;
            case Progress.Failed failed: Fail(failed.Error); break;
            case Tick: OnTick(); break;
            default: Unhandled(message); break;
        }
    }

    private void OnTick()
    {
        AskServers();
        residuals?.OnTick(applied.Complete);
        // Reports of an evaluation that did not come for a while are taken for lost; each time the patience doubles, since slices may simply be slow.
        if (board is null || ++quietTicks < patience) return;
        quietTicks = 0;
        patience *= 2;
        foreach (var member in roster.Members) board.Free(member.Id);
        HandOutSlices();
    }

    private void AskServers()
    {
        for (int i = 0; i < setup.Servers.Length; i++) setup.Servers[i].Tell(new Progress.Wanted(setup.Term, applied.NextOf(new ServerId(i))), Self);
    }

    private void Broadcast(IProtocolMessage order)
    {
        foreach (var member in roster.Members) member.Actor.Tell(order, Self);
        if (!IsAsync) return;
        // There the server hands out the pieces, so it must know the horizon too.
        foreach (var server in setup.Servers) server.Tell(order, Self);
    }

    /// <summary>Whether no step may begin before the epoch before it is looked at: it may have been the best, and its weights are to be kept.</summary>
    private bool IsWatched => setup.Watch is not null;

    private bool IsAsync => setup.Consistency is Training.Consistency.Async;

    private bool IsPlain => !setup.Codec.IsLossy && !setup.WeightsCodec.IsLossy;

    private Traffic PerStep(int workers) => PerStep((setup.Codec, setup.WeightsCodec), workers);

    private Traffic PerStep((CodecSpec Gradients, CodecSpec Weights) codecs, int workers) =>
        Traffic.PerStep(TensorCodec.Create(codecs.Gradients), TensorCodec.Create(codecs.Weights), setup.Buckets, setup.Plan.Pieces, workers);

    /// <summary>Steps in the weights.</summary>
    private long Steps => clocks.StepsOf(applied.Complete).First < setup.Plan.TotalSteps ? clocks.StepsOf(applied.Complete).First : setup.Plan.TotalSteps;

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }
}
