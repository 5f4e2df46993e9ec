using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Transport;

namespace DistTrain.Worker;

/// <summary>
/// A worker: computes the pieces of the shards it owns, as far as the horizon reaches, on the versions that the servers publish, and sends their gradients. It decides; its compute thread computes.
/// </summary>
public sealed partial class WorkerActor : UntypedActor
{
    private readonly WorkerSetup setup;
    private readonly WorkerProgress progress;
    private readonly GradientPool pool;
    private readonly List<SentContribution> sent = [];
    private readonly LeafStates? states;
    private readonly Action<int, long> askForState;
    private readonly ICancelable tick;
    private readonly ICancelable? impatience;
    private PieceWork? pieces;
    private Membership.Welcome? welcome;
    private ImmutableArray<ITensorChannel> channels = [];
    private Evaluation.Order? evaluation;
    private bool busy, isEvaluating, worked;
    private int idleTurns;
    private long computing;
    private ImmutableArray<int> computingLeaves = [];
    private readonly List<(long Step, int Leaf)> applied = [];
    private bool heardWeights;
    private bool leaving, asksToLeave;
    private TimeSpan computeTime;
    private int computedSteps;
    private Term term;

    /// <summary>Makes the worker; it joins by itself once its replica is made.</summary>
    public WorkerActor(WorkerSetup setup)
    {
        this.setup = setup;
        progress = new WorkerProgress(setup.Plan, setup.Consistency, setup.Buckets.Buckets.Length);
        pool = new GradientPool(setup.Buckets.Layout.Length, setup.Allocate);
        states = setup.Residuals.StateLength > 0 ? new LeafStates(setup) : null;
        askForState = (leaf, after) => setup.Coordinator.Tell(new Residuals.Wanted(term, welcome!.Worker, leaf, after), Self);
        tick = setup.Clock.Every(setup.Tick, Self, Tick.Instance);
        if (setup.Speculate) impatience = setup.Clock.Every(setup.SpeculateAfter, Self, Impatience.Instance);
        setup.Compute.Post(new CreateReplicaWork(Self, setup.CreateReplica));
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        tick.Cancel();
        impatience?.Cancel();
        // Its compute thread waits for nothing that only this actor would have told it.
        pieces?.Arrivals.TryAbandon();
    }

    /// <inheritdoc/>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception error)
        {
            setup.Failed(error);
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case TensorArrived { Header: Weights.Published published } arrived:
                OnPublished(published);
                arrived.Lease?.Dispose();
                break;
            case TensorArrived { Header: Residuals.State state } arrived:
                if (Follows(state.Term)) states?.Take(state, arrived.Tensor.Span, welcome!.Worker, Self);
                arrived.Lease?.Dispose();
                break;
            case Residuals.Zero zero: if (Follows(zero.Term)) states?.TakeZero(zero.Leaf, zero.After); break;
            case Residuals.Order order: if (Follows(order.Term)) OnOrder(order); break;
            case PiecesComputed done: OnComputed(done); break;
            case PiecesAbandoned: busy = false; break;
            case Schedule.Assignment order: if (Follows(order.Term)) OnAssignment(order); break;
            case Schedule.Horizon order: if (Follows(order.Term)) progress.Heard(order); break;
            case Schedule.Halt order: OnHalt(order); break;
            case Gradients.Missing missing: OnMissing(missing); break;
            case Pieces.Granted piece: if (Follows(piece.Term) && !IsKnown(piece)) progress.Granted(piece.Step, piece.Leaf); break;
            case Pieces.Applied piece: OnPieceApplied(piece); break;
            case Gradients.Refused refused: OnRefused(refused); break;
            case Evaluation.Order order: if (Follows(order.Term)) evaluation = order; break;
            case EvaluationComputed done: OnEvaluated(done); break;
            case Membership.Welcome joined: OnWelcome(joined); break;
            case Membership.Rejoin rejoin: OnRejoin(rejoin); break;
            case Membership.NotTaken refused when welcome is null:
                setup.Refused(refused.Reason);
                Context.Stop(Self);
                break;
            case ReplicaReady ready: OnReady(ready); break;
            case ComputeFailed failed: OnFailed(failed); break;
            case Tick: OnTick(); break;
            case Impatience: OnImpatience(); break;
            case Leave: OnLeave(); break;
            case Membership.Stay stay: if (Follows(stay.Term)) OnStay(stay); break;
            case Schedule.JobEnded: Context.Stop(Self); break;
            default: Unhandled(message); break;
        }
        Continue();
    }

    /// <summary>Begins whatever can be begun: an evaluation that was ordered, or the next pieces.</summary>
    private void Continue()
    {
        if (busy && pieces is { Arrivals.IsOpen: true } && HasBetterToDo()) Abandon();
        if (pieces is null || welcome is null) return;
        ServeStates();
        if (busy || leaving) return;
        if (evaluation is { } order && progress.Versions.IsWhole(order.Version) && setup.Store.TryRead(order.Version, out var read))
        {
            busy = isEvaluating = true;
            evaluation = null;
            setup.Compute.Post(new EvaluationWork(Self, pieces.Replica, order, read));
            return;
        }
        // Under async a worker's own last piece is in the weights that its next one is computed on.
        if (IsAsync && sent.Count > 0) return;
        long version = progress.Version;
        if (!progress.TryNext(out long step, out var leaves))
        {
            // Whoever is to help others must be idle where it would wait.
            if (setup.Speculate || !pieces.IsEager || !progress.TryNextEarly(pieces.Arrivals.First, out step, out leaves)) return;
            version++;
        }
        if (states is not null && !states.IsReady(step, leaves, askForState)) return;
        Compute(step, leaves, version);
    }

    private void Compute(long step, ImmutableArray<int> leaves, long version)
    {
        // A version that is gone has been followed by newer ones, whose announcements are on their way.
        if (!setup.Store.TryRead(version, out var lease)) return;
        busy = worked = true;
        idleTurns = 0;
        Reclaim();
        progress.Begin(step, leaves);
        pieces!.Arrivals.Begin(version, progress.Versions.Newest);
        pieces.Prepare(new PieceWork.Orders(welcome!.Job, term, welcome.Worker, step, channels), leaves, lease);
        (computing, computingLeaves) = (step, leaves);
        setup.Compute.Post(pieces);
        if (IsAsync) AskForPiece();
    }

    /// <summary>Whether a piece that waits for its weights must not wait on: what it waits for will not come, perhaps not before something else is done here.</summary>
    private bool HasBetterToDo() =>
        leaving || pieces!.Arrivals.IsHopeless || states is { IsAsked: true } || (progress.TryNext(out long step, out _) && step < computing);

    /// <summary>Gives up a piece that waits for its weights; one that has them all goes on. What follows, begins when the compute thread is back.</summary>
    private void Abandon()
    {
        if (busy && pieces is not null && pieces.Arrivals.TryAbandon()) progress.Withdraw(computing, computingLeaves);
    }

    private bool IsAsync => setup.Consistency is Training.Consistency.Async;

    /// <summary>One piece ahead of the one in work, so that nobody waits for the answer.</summary>
    private void AskForPiece()
    {
        if (progress.GrantedCount == 0) welcome!.Servers[0].Tell(new Pieces.Wanted(term, welcome.Worker), Self);
    }

    private bool IsKnown(Pieces.Granted piece) =>
        (busy && computing == piece.Step && computingLeaves[0] == piece.Leaf) || sent.Exists(old => old.Header.What.Step == piece.Step && old.Header.What.Lo == piece.Leaf);

    /// <summary>The piece is in the weights: its gradient's memory is free again.</summary>
    private void OnPieceApplied(Pieces.Applied piece)
    {
        if (!Follows(piece.Term)) return;
        sent.RemoveAll(old => old.Header.What.Step == piece.Step && old.Header.What.Lo == piece.Leaf);
        applied.Add((piece.Step, piece.Leaf));
    }

    /// <summary>Takes back buffers and forgets contributions whose step is in the weights; only while the compute thread is at rest.</summary>
    private void Reclaim()
    {
        if (IsAsync)
        {
            foreach (var piece in applied) pool.Reclaim(piece.Step * setup.Plan.Pieces + piece.Leaf, exactly: true);
            applied.Clear();
            return;
        }
        pool.Reclaim(progress.Version);
        sent.RemoveAll(old => old.Header.What.Step < progress.Version);
    }

    private void OnPublished(Weights.Published published)
    {
        if (!Follows(published.Term) || (uint)published.Bucket >= (uint)setup.Buckets.Buckets.Length) return;
        // Whatever comes says that more is on its way: asking again now would only make the way longer.
        heardWeights = true;
        progress.Versions.Add(published.Bucket, published.Version);
        if (progress.Versions.MustAsk()) AskForWeights();
        pieces?.Arrivals.Heard(published.Bucket, published.Version);
    }

    private void OnComputed(PiecesComputed done)
    {
        busy = false;
        // What was computed under a name that was given up since: others compute it again, from another state.
        if (states is { AreTimed: true }) sent.AddRange(done.Sent.Where(contribution => contribution.Header.Worker == welcome?.Worker));
        else sent.AddRange(done.Sent);
        computeTime += done.Time;
        computedSteps++;
        if (IsAsync) sent.RemoveAll(old => applied.Contains((old.Header.What.Step, old.Header.What.Lo)));
    }

    private void OnHalt(Schedule.Halt order)
    {
        if (!Follows(order.Term)) return;
        Abandon();
        progress.Heard(order);
        // Under async the server knows how far the pieces it handed out reach.
        setup.Coordinator.Tell(new Schedule.Halted(order.Term, order.Revision, welcome!.Worker, IsAsync ? 0 : progress.Next), Self);
    }

    private void OnRefused(Gradients.Refused refused)
    {
        if (refused.What.Term.CompareTo(term) >= 0)
            setup.Coordinator.Tell(new Progress.Failed(term, $"worker {setup.Name}: a server refused {refused.What}: {refused.Reason}"), Self);
    }

    private void OnEvaluated(EvaluationComputed done)
    {
        busy = isEvaluating = false;
        // Given up in the meantime: the slices are somebody else's now.
        if (welcome is null) return;
        setup.Coordinator.Tell(new Evaluation.Report(done.Order.Term, done.Order.Version, welcome.Worker, done.Slices), Self);
    }

    private void OnReady(ReplicaReady ready)
    {
        pieces = new PieceWork(setup, Self) { Replica = ready.Replica, Pool = pool };
        Join();
    }

    private void OnFailed(ComputeFailed failed) =>
        setup.Coordinator.Tell(new Progress.Failed(term, $"worker {setup.Name}, {failed.What}: {failed.Error.Message}"), Self);

    private bool Follows(Term other) => welcome is not null && other == term;

    /// <summary>The node to its worker: go.</summary>
    internal sealed class Leave
    {
        public static readonly Leave Instance = new();
    }

    private sealed class Impatience
    {
        public static readonly Impatience Instance = new();
    }

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }
}
