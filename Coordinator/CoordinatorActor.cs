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
public sealed class CoordinatorActor : UntypedActor
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
        Ended,
    }

    /// <summary>Makes the coordinator; it begins when enough workers are in.</summary>
    public CoordinatorActor(CoordinatorSetup setup)
    {
        this.setup = setup;
        version = setup.StartStep;
        applied = new AppliedSteps(setup.Servers.Length, setup.StartStep);
        clocks = new Training.ClockPlan(setup.Plan, setup.Consistency);
        samples = new SampleLedger(setup.Plan, clocks, setup.StartStep);
        metrics = new RunMetrics(setup.Plan, clocks, samples, setup.Notes);
        epochs = new EpochLedger(setup.Plan, setup.Watch, setup.Best, Steps, setup.Notes);
        setup.SetRate(epochs.Rate);
        orders = new RunOrders(setup.Term, setup.Plan.Shards);
        if (setup.Codec.HasState) residuals = new ResidualDesk(setup, roster, Self, OnResidualLost);
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
            if (message is Membership.Heartbeat or Membership.Join) Sender.Tell(new Schedule.JobEnded(setup.Term, outcome), Self);
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
            case Evaluation.Report report: OnEvaluated(report); break;
            case Schedule.Halted halted: OnHalted(halted); break;
            case Schedule.Stop stop: OnStop(stop); break;
            case Progress.Failed failed: Fail(failed.Error); break;
            case Tick: OnTick(); break;
            default: Unhandled(message); break;
        }
    }

    private void OnJoin(Membership.Join join)
    {
        string? refusal = join.Version != Membership.ProtocolVersion ? $"its protocol version is {join.Version}, the coordinator's is {Membership.ProtocolVersion}"
            : join.LayoutHash != setup.Buckets.Layout.Hash ? $"its model has layout {join.LayoutHash}, the job's has {setup.Buckets.Layout.Hash}"
            : null;
        if (refusal is not null)
        {
            setup.Observer(new RunEvent.Noted($"{join.Name} (process {join.ProcessId}) is refused: {refusal}"));
            Sender.Tell(new Membership.Refused(refusal), Self);
            return;
        }
        var member = roster.Find(join.Name);
        if (member is not null && member.Incarnation != join.Incarnation)
        {
            Lose(member, 0);
            member = null;
        }
        if (phase == Phase.Ended) return;
        bool isNew = member is null;
        member ??= roster.Add(join, Sender);
        member.Actor.Tell(new Membership.Welcome(setup.Job, setup.Term, member.Id, member.Incarnation, setup.Servers), Self);
        if (!isNew) return;
        Context.Watch(member.Actor);
        setup.Observer(new RunEvent.WorkerJoined(member.Id, member.Name, member.Incarnation, member.ProcessId));
        if (phase != Phase.Gathering) Reassign();
        else if (roster.Count >= setup.MinWorkers) Begin();
    }

    private void Begin()
    {
        var traffic = PerStep(roster.Count);
        setup.Observer(new RunEvent.Started(Environment.ProcessId, roster.Count, setup.Plan.Shards, setup.Plan.BatchSize, setup.Buckets.Layout.ParameterCount, traffic.BytesPerStep));
        if (traffic.Warning is { } warning) setup.Observer(new RunEvent.Warning(warning));
        Reassign();
        if (epochs.IsOpen(Steps) && setup.Plan.TestCount > 0) Evaluate();
        else if (epochs.IsOpen(Steps) && Steers) EndEpoch(null);
        else if (applied.Complete >= clocks.Count || epochs.StopReason is not null) End(Finished());
        else Train();
    }

    /// <summary>Lets workers train up to the next evaluation, or to the end; where error-feedback states are to be saved, to the next checkpoint at most.</summary>
    private void Train()
    {
        phase = Phase.Training;
        metrics.Resume(setup.Clock.Now);
        long end = setup.Plan.TestCount > 0 || Steers ? clocks.EndOfEpoch(applied.Complete) : clocks.Count;
        if (residuals is not null && setup.Snapshots is { } snapshots) end = Math.Min(end, snapshots.NextAfter(applied.Complete));
        Broadcast(orders.Until(end));
    }

    private void Reassign()
    {
        if (roster.Count == 0)
        {
            metrics.Pause(setup.Clock.Now);
            if (setup.WorkersMayJoin) setup.Observer(new RunEvent.Waiting(applied.Complete));
            else Fail("no worker is left");
            return;
        }
        if (phase == Phase.Training) metrics.Resume(setup.Clock.Now);
        advisor?.Changed();
        var assignment = orders.Assign(roster.Ids);
        setup.Observer(new RunEvent.ShardsAssigned(assignment.Owners));
        Broadcast(assignment);
        HandOutSlices();
    }

    private void OnHeartbeat(Membership.Heartbeat beat)
    {
        if (roster.Find(beat.Worker, beat.Incarnation) is null || beat.Term != setup.Term)
        {
            Sender.Tell(new Membership.Rejoin(setup.Term), Self);
            return;
        }
        advisor?.Computed(beat.Worker, beat.ComputeMs);
        foreach (var order in orders.NewerThan(beat.Assignment, beat.Horizon)) Sender.Tell(order, Self);
    }

    private void OnTerminated(Terminated dead)
    {
        // A worker that leaves stops by itself; that this is heard before its word does not make it a loss.
        if (roster.Find(dead.ActorRef) is { } member) Lose(member, 0, left: !dead.AddressTerminated && dead.ExistenceConfirmed);
        else if (setup.Servers.Contains(dead.ActorRef)) Fail("a parameter server stopped");
        else residuals?.Gone(dead.ActorRef.Equals);
    }

    private void OnNodeLost(NodeLost node)
    {
        foreach (var member in roster.Members.Where(member => member.Actor.Path.Address == node.Node).ToList()) Lose(member, node.SilentMs);
        residuals?.Gone(actor => actor.Path.Address == node.Node);
    }

    private void OnLeave(Membership.Leave leave)
    {
        if (roster.Find(leave.Worker, leave.Incarnation) is not { } member) return;
        int pieces = setup.Plan.Accumulate;
        residuals?.Leave(member, orders.ShardsOf(member.Id).SelectMany(shard => Enumerable.Range(shard * pieces, pieces)));
        Lose(member, 0, left: true);
        if (residuals is not null) Context.Watch(member.Actor);
    }

    private void OnLost(WorkerId worker, Incarnation incarnation, double silentMs, bool left = false)
    {
        if (roster.Find(worker, incarnation) is { } member) Lose(member, silentMs, left);
    }

    private void Lose(Member member, double silentMs, bool left = false)
    {
        roster.Remove(member.Id, member.Incarnation);
        Context.Unwatch(member.Actor);
        var shards = orders.ShardsOf(member.Id);
        setup.Observer(new RunEvent.WorkerLost(member.Id, member.Name, member.ProcessId, applied.Complete, silentMs, shards, left));
        board?.Free(member.Id);
        orders.Forget(member.Id);
        residuals?.Forget(member.Id);
        if (phase == Phase.Ended) return;
        if (IsAsync) foreach (var server in setup.Servers) server.Tell(new Membership.Lost(member.Id, member.Incarnation, silentMs), Self);
        if (phase == Phase.Gathering && setup.WorkersMayJoin) return;
        Reassign();
        if (phase == Phase.Halting) Settle();
    }

    private void OnApplied(Progress.Applied report)
    {
        if (report.Term != setup.Term) return;
        quietTicks = 0;
        if (applied.Heard(report) == AppliedSteps.Verdict.Gap)
        {
            Sender.Tell(new Progress.Wanted(setup.Term, applied.NextOf(report.Server)), Self);
            return;
        }
        while (phase != Phase.Ended && applied.TryComplete(out var step)) OnStepDone(step);
    }

    private void OnStepDone(Progress.Applied step)
    {
        samples.Use(step);
        version = step.Version;
        setup.Observer(metrics.Add(step));
        if (advisor?.StepDone(metrics.TrainingTime(setup.Clock.Now), Math.Min(roster.Count, setup.Plan.Shards)) is { } warning) setup.Observer(warning);
        if (clocks.EndsEpoch(step.Step))
        {
            bool isGoingOn = phase == Phase.Training || applied.Complete >= clocks.Count;
            if (setup.Plan.TestCount > 0 && isGoingOn) Evaluate();
            // Stopped at an epoch's end: it is left open, and looked at when the run goes on.
            else if ((setup.Plan.TestCount > 0 || Steers) && !isGoingOn) TakeNotes(GoOn);
            else EndEpoch(null);
        }
        else
        {
            TakeNotes(GoOn);
        }
    }

    /// <summary>The coordinator's part of a checkpoint; at an epoch's end after its evaluation. Error-feedback states come from the workers first, which stand still for that.</summary>
    private void TakeNotes(Action then)
    {
        if (setup.Snapshots is not { } snapshots || !snapshots.Wants(applied.Complete))
        {
            then();
            return;
        }
        if (residuals is null)
        {
            snapshots.Note(applied.Complete, Notes(out var best), best);
            then();
            return;
        }
        metrics.Pause(setup.Clock.Now);
        residuals.Gather(applied.Complete, () =>
        {
            if (phase == Phase.Ended) return;
            snapshots.Note(applied.Complete, Notes(out var last), last, residuals.Gathered);
            then();
        });
    }

    private Dictionary<string, string> Notes(out Tensors.FloatBuffer? best)
    {
        var notes = metrics.Notes(applied.Complete);
        best = epochs.AddTo(notes);
        return notes;
    }

    /// <summary>After a step within an epoch.</summary>
    private void GoOn()
    {
        if (phase == Phase.Finishing && applied.Complete >= orders.Horizon) Interrupt();
        else if (phase == Phase.Training && applied.Complete >= orders.Horizon) Train();
    }

    /// <summary>An error-feedback state went with its worker.</summary>
    private void OnResidualLost(int leaf, long after)
    {
        string lost = $"the residual of shard {leaf / setup.Plan.Accumulate} was lost with its worker after step {clocks.StepsOf(after).End}";
        if (setup.ExactRecovery) End(new RunEvent.RolledBack(applied.Complete, lost));
        else setup.Observer(new RunEvent.Warning($"{lost}: it goes on from zero, and the result is not that of a run without the crash; with --exact-recovery it would go back to the last checkpoint", "--exact-recovery"));
    }

    private void Evaluate()
    {
        metrics.Pause(setup.Clock.Now);
        phase = Phase.Evaluating;
        patience = 2;
        quietTicks = 0;
        board = new EvaluationBoard(version, setup.Plan.EvaluationSlices, setup.Metrics);
        HandOutSlices();
    }

    private void HandOutSlices()
    {
        if (board is null) return;
        foreach (var (worker, first, count) in board.HandOut(roster.Ids))
            roster.Members.First(member => member.Id == worker).Actor.Tell(new Evaluation.Order(setup.Term, board.Version, first, count), Self);
    }

    private void OnEvaluated(Evaluation.Report report)
    {
        if (board is null || report.Term != setup.Term) return;
        quietTicks = 0;
        if (board.Refusal(report) is { } refusal)
        {
            Fail(refusal);
            return;
        }
        board.Heard(report);
        if (!board.IsComplete)
        {
            HandOutSlices();
            return;
        }
        var sum = board.Sum();
        board = null;
        EndEpoch(sum);
    }

    private void EndEpoch(Training.MetricSum? evaluated)
    {
        if (evaluated is null) metrics.Pause(setup.Clock.Now);
        long last = clocks.EndOfEpochStep(applied.Complete - 1);
        var done = metrics.EndEpoch(setup.Plan.EpochOf(last), evaluated) with { LearningRate = setup.LearningRate?.Invoke(last) * epochs.Rate ?? double.NaN };
        bool isBest = epochs.Observe(done.Epoch, Steps, version, done.TrainLoss, evaluated);
        setup.SetRate(epochs.Rate);
        setup.Observer(done with { IsBest = isBest });
        TakeNotes(AfterEpoch);
    }

    private void AfterEpoch()
    {
        if (applied.Complete >= clocks.Count || epochs.StopReason is not null) EndSaved(Finished());
        else if (phase is Phase.Evaluating or Phase.Gathering || (phase == Phase.Training && Steers)) Train();
        else if (phase == Phase.Finishing && applied.Complete >= orders.Horizon) Interrupt();
        else if (phase == Phase.Training && applied.Complete >= orders.Horizon) Train();
        else metrics.Resume(setup.Clock.Now);
    }

    private void OnStop(Schedule.Stop stop)
    {
        if (stopReason.Length > 0) return;
        stopReason = stop.Reason.Length > 0 ? stop.Reason : "stopped";
        if (phase != Phase.Training)
        {
            Interrupt();
            return;
        }
        phase = Phase.Halting;
        Broadcast(orders.Halt(applied.Complete));
        // With nobody there, nobody will answer.
        Settle();
    }

    private void OnHalted(Schedule.Halted halted)
    {
        if (phase != Phase.Halting || halted.Term != setup.Term) return;
        orders.Heard(halted);
        Settle();
    }

    /// <summary>Once every worker has said how far it went, the furthest step that was begun is the last one.</summary>
    private void Settle()
    {
        if (phase != Phase.Halting || orders.AgreedEnd(IsAsync ? [.. roster.Ids, AsyncServerActor.RunOrdersServer] : roster.Ids) is not { } end) return;
        phase = Phase.Finishing;
        Broadcast(orders.Until(Math.Max(end, applied.Complete)));
        if (applied.Complete >= orders.Horizon) Interrupt();
    }

    private void Interrupt()
    {
        metrics.Pause(setup.Clock.Now);
        // Without workers a step that some buckets have begun stays unfinished: what is saved already is the place to go on from.
        bool clean = roster.Count > 0 || phase is not (Phase.Halting or Phase.Finishing);
        EndSaved(new RunEvent.Interrupted(Totals(), stopReason, clean));
    }

    /// <summary>Ends the run with all that its last checkpoint needs.</summary>
    private void EndSaved(RunEvent last)
    {
        if (residuals is null || setup.Snapshots is not { } snapshots || residuals.GatheredAt == applied.Complete && !residuals.IsGathering) End(last);
        else residuals.Gather(applied.Complete, () => End(last));
    }

    private RunEvent.Finished Finished() => new(Totals(), applied.Complete < clocks.Count ? epochs.StopReason : null);

    private RunTotals Totals() => metrics.Totals(Steps) with { BestEpoch = epochs.BestEpoch };

    private void Fail(string error) => End(new RunEvent.Failed(error));

    private void End(RunEvent last)
    {
        if (phase == Phase.Ended) return;
        phase = Phase.Ended;
        outcome = last.GetType().Name;
        if (setup.Snapshots is { } snapshots)
        {
            (snapshots.Last, snapshots.LastResiduals) = (Notes(out var best), residuals?.Gathered ?? snapshots.LastResiduals);
            snapshots.LastBest = best;
        }
        var ended = new Schedule.JobEnded(setup.Term, outcome);
        foreach (var server in setup.Servers) Context.Unwatch(server);
        foreach (var server in setup.Servers) server.Tell(ended, Self);
        foreach (var member in roster.Members)
        {
            Context.Unwatch(member.Actor);
            member.Actor.Tell(ended, Self);
        }
        setup.Observer(last);
    }

    private void OnTick()
    {
        AskServers();
        residuals?.Repeat();
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

    /// <summary>Whether no step may begin before the epoch before it is looked at.</summary>
    private bool Steers => setup.Watch?.Steers == true;

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
