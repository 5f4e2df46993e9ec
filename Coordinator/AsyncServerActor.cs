using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Reduction;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Coordinator;

/// <summary>
/// The parameter server of <c>async</c>: hands out pieces one by one and applies each gradient as it comes, as a step of its own with the learning rate times the piece's share of its batch. Nobody waits for anybody.
/// </summary>
public sealed class AsyncServerActor : UntypedActor
{
    private readonly ServerSetup setup;
    private readonly BucketState[] buckets;
    private readonly ContributionLedger[] ledgers;
    private readonly PieceQueue<IActorRef> queue;
    private readonly Dictionary<IActorRef, WeightRecipient> workers = [];
    private readonly Dictionary<WorkerId, IActorRef> ids = [];
    private readonly Dictionary<WorkerId, IActorRef> gone = [];
    private readonly HashSet<IActorRef> hungry = [];
    private readonly HashSet<(long Step, int Leaf)> pending = [];
    private readonly Dictionary<(long Step, int Leaf), Arrival> arriving = [];
    private readonly Queue<Arrival> complete = new();
    private readonly AppliedLog log;
    private readonly SortedDictionary<long, List<Gradients.Leaf>> found = [];
    private readonly ServerSpans? spans;
    private IActorRef coordinator = ActorRefs.Nobody;
    private Arrival? current;
    private long nextStep, version;
    private int busy;

    /// <summary>Makes the server; it owns all buckets.</summary>
    public AsyncServerActor(ServerSetup setup)
    {
        this.setup = setup;
        buckets = [.. setup.Buckets.Buckets.Select(bucket => new BucketState(setup, Self, bucket))];
        ledgers = [.. buckets.Select(_ => new ContributionLedger(1, null))];
        var ahead = setup.Resumed?.Ahead ?? [];
        queue = new PieceQueue<IActorRef>(setup.Plan, setup.StartStep, ahead.Select(piece => (piece.Step, piece.Leaf.Piece)));
        log = new AppliedLog(setup.Term, setup.Id, setup.StartStep);
        nextStep = setup.StartStep;
        version = setup.StartVersion;
        foreach (var (step, leaf) in ahead) Found(step, leaf);
        // Asked for by the coordinator.
        while (FinishStep() is not null) { }
        if (setup.Timeline is { } timeline) spans = new ServerSpans(timeline, $"server {setup.Id}");
    }

    /// <summary>Workers, gone ones included, that something is kept of.</summary>
    internal int Remembered => ids.Count + gone.Count + workers.Count + hungry.Count;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case TensorArrived { Header: Gradients.Contribution contribution } arrived: OnContribution(contribution, arrived); break;
            case BucketWorkDone done when !setup.Passes(Self, done): break;
            case BucketWorkDone done: OnWorkDone(buckets[done.Bucket]); break;
            case Pieces.Wanted wanted: if (wanted.Term == setup.Term) OnPieceWanted(wanted.Worker, Sender); break;
            case Weights.Wanted wanted: if (wanted.Term == setup.Term) OnWeightsWanted(wanted, Sender); break;
            case Schedule.Horizon order: if (order.Term == setup.Term) OnHorizon(order); break;
            case Schedule.Halt order: if (order.Term == setup.Term) OnHalt(order); break;
            case Progress.Wanted wanted: if (wanted.Term == setup.Term) OnProgressWanted(wanted); break;
            case WeightRecipient.Delivered delivered: if (workers.TryGetValue(delivered.Worker, out var recipient)) recipient.Has(delivered, version, Newest); break;
            case Membership.Lost lost: OnGivenUp(lost.Worker); break;
            case Terminated dead: OnTerminated(dead.ActorRef); break;
            case Serving.NodeLost node:
                foreach (var worker in workers.Keys.Where(worker => worker.Path.Address == node.Node).ToList()) OnLost(worker);
                break;
            case Schedule.JobEnded: Context.Stop(Self); break;
            default: Unhandled(message); break;
        }
    }

    private void OnPieceWanted(WorkerId id, IActorRef worker)
    {
        if (gone.ContainsKey(id)) return;
        ids[id] = worker;
        var has = queue.Of(worker);
        if (has.Count < 2 && queue.TryHandOut(worker, out var next))
        {
            Grant(worker, next);
            return;
        }
        // What it has already is said again: the grant may be what was lost.
        foreach (var piece in has) Grant(worker, piece);
        if (has.Count < 2) hungry.Add(worker);
    }

    private void Grant(IActorRef worker, (long Step, int Leaf) piece)
    {
        hungry.Remove(worker);
        worker.Tell(new Pieces.Granted(setup.Term, piece.Step, piece.Leaf), Self);
    }

    private void FeedHungry()
    {
        foreach (var worker in hungry.ToArray())
            if (queue.TryHandOut(worker, out var piece)) Grant(worker, piece);
    }

    private void OnHorizon(Schedule.Horizon order)
    {
        queue.Horizon = order.Until;
        FeedHungry();
    }

    /// <summary>Hands out the rest of the step that was begun, and no other.</summary>
    private void OnHalt(Schedule.Halt order)
    {
        queue.Horizon = queue.Begun;
        coordinator.Tell(new Schedule.Halted(setup.Term, order.Revision, RunOrdersServer, queue.Begun), Self);
        FeedHungry();
    }

    /// <summary>The name under which the server answers a halt.</summary>
    internal static WorkerId RunOrdersServer { get; } = new(-1);

    /// <summary>The coordinator struck a worker off. What it asked for before that may still come, and would be handed to nobody: if it lives, it joins again under another number.</summary>
    private void OnGivenUp(WorkerId worker)
    {
        bool isKnown = ids.Remove(worker, out var actor);
        gone[worker] = actor ?? ActorRefs.Nobody;
        if (!isKnown) return;
        // Also one that has ended already: that is said once more, after all that it said.
        Context.Watch(actor!);
        OnLost(actor!);
    }

    /// <summary>Nothing more comes of a worker that has ended: its numbers need not be remembered.</summary>
    private void OnTerminated(IActorRef worker)
    {
        foreach (var (id, _) in gone.Where(entry => entry.Value.Equals(worker)).ToList()) gone.Remove(id);
        OnLost(worker);
    }

    /// <summary>A worker is gone, or given up: others get its pieces, and what it sent of them in part is forgotten.</summary>
    private void OnLost(IActorRef worker)
    {
        workers.Remove(worker);
        hungry.Remove(worker);
        queue.Lose(worker);
        foreach (var (key, arrival) in arriving.Where(pair => pair.Value.Worker.Equals(worker)).ToList())
        {
            arriving.Remove(key);
            foreach (var part in arrival.Parts) part?.Lease?.Dispose();
        }
        FeedHungry();
    }

    private void OnContribution(Gradients.Contribution contribution, TensorArrived arrived)
    {
        var name = contribution.What;
        if (name.Job != setup.Job || name.Term != setup.Term || (uint)name.Bucket >= (uint)buckets.Length || name.Hi != name.Lo + 1
            || (arrived.Tensor.Length != buckets[name.Bucket].Bucket.Length && (arrived.Tensor.Length != 0 || contribution.Scale != 0f)))
        {
            arrived.Lease?.Dispose();
            Sender.Tell(new Gradients.Refused(name, $"it is no piece of bucket {name.Bucket} of job {setup.Job}, term {setup.Term}"), Self);
            return;
        }
        var key = (name.Step, name.Lo);
        if (!queue.Has(Sender, name.Step, name.Lo))
        {
            arrived.Lease?.Dispose();
            // It was applied, or it is somebody else's now; while it waits to be applied its worker keeps the gradient.
            if (!pending.Contains(key)) Sender.Tell(new Pieces.Applied(setup.Term, name.Step, name.Lo), Self);
            return;
        }
        if (!arriving.TryGetValue(key, out var arrival)) arriving.Add(key, arrival = new Arrival(name.Step, name.Lo, Sender, new ContributionLedger.Entry?[buckets.Length]));
        if (arrival.Parts[name.Bucket] is not null)
        {
            arrived.Lease?.Dispose();
            return;
        }
        arrival.Parts[name.Bucket] = new ContributionLedger.Entry(new TreeNode(0, 1), contribution with { Scale = contribution.Scale == 0f ? 0f : 1f }, arrived.Tensor, arrived.Lease);
        arrival.Share = contribution.Scale;
        if (!contribution.Leaves.IsEmpty) arrival.Leaf = contribution.Leaves[0];
        arrival.Version = contribution.Version;
        if (!Array.TrueForAll(arrival.Parts, part => part is not null)) return;
        arriving.Remove(key);
        queue.Take(Sender, name.Step, name.Lo);
        pending.Add(key);
        complete.Enqueue(arrival);
        ApplyNext();
    }

    private void ApplyNext()
    {
        if (current is not null || !complete.TryDequeue(out current)) return;
        long staleness = version - current.Version;
        current.Leaf = current.Leaf with { Staleness = (int)Math.Min(staleness, int.MaxValue) };
        double rate = setup.LearningRate(current.Step) * current.Share;
        if (setup.Consistency is Consistency.Async { ScaleByStaleness: true }) rate /= 1 + staleness;
        if (!setup.Store.TryRead(version, out var from)) throw new InvalidOperationException($"weights version {version} is gone before it was stepped");
        from.Dispose();
        var to = setup.Store.Open(version + 1);
        busy = buckets.Length;
        for (int i = 0; i < buckets.Length; i++)
        {
            ledgers[i].Begin(version);
            ledgers[i].Take(current.Parts[i]!);
            buckets[i].Work.Prepare(current.Share == 0f ? BucketPhase.Skip : BucketPhase.ReduceAndStep, ledgers[i], 1, from.Weights, to, setup.Published?.Open(version + 1), rate, 1f);
        }
        foreach (var bucket in buckets) setup.Compute.Post(bucket.Work);
    }

    private void OnWorkDone(BucketState state)
    {
        spans?.Done(state);
        if (state.Work.Error is { } error) Fail($"step {current!.Step}, bucket {state.Bucket.Index}: {error.Message}");
        else if (!state.Work.IsFinite) Fail($"step {current!.Step}: the gradient of piece {current.Piece} is not finite");
        else if (--busy == 0) Publish();
    }

    private void Publish()
    {
        version++;
        var done = current!;
        current = null;
        foreach (var worker in workers.Values) worker.Offer(version, Newest);
        foreach (var part in done.Parts) part!.Lease?.Dispose();
        pending.Remove((done.Step, done.Piece));
        done.Worker.Tell(new Pieces.Applied(setup.Term, done.Step, done.Piece), Self);
        Found(done.Step, done.Leaf);
        queue.Applied(done.Step);
        while (FinishStep() is { } applied)
        {
            if (setup.Snapshots is { } snapshots && snapshots.Wants(nextStep)) Save(snapshots);
            coordinator.Tell(applied, Self);
        }
        ApplyNext();
    }

    private void Found(long step, Gradients.Leaf leaf)
    {
        if (!found.TryGetValue(step, out var leaves)) found.Add(step, leaves = []);
        leaves.Add(leaf);
    }

    /// <summary>The report of the next step, if all of its pieces are in the weights.</summary>
    private Progress.Applied? FinishStep()
    {
        if (!queue.TryFinish(nextStep)) return null;
        log.Found(nextStep, [.. found[nextStep].OrderBy(leaf => leaf.Piece)], double.NaN, false, version);
        found.Remove(nextStep++);
        return log.Advance(nextStep);
    }

    /// <summary>Copies the weights and the optimizer's state, which no piece is being applied to just now, and names the pieces of later steps that are in them.</summary>
    private void Save(Checkpoints.Snapshots snapshots)
    {
        var ahead = found.SelectMany(step => step.Value.Select(leaf => (step.Key, leaf)));
        snapshots.Add(nextStep, AsyncProgress.Note, new AsyncProgress(version, [.. ahead]).ToText());
        foreach (var bucket in buckets) snapshots.Take(nextStep, bucket.Bucket, setup.Store.Open(version), setup.State);
    }

    private void OnWeightsWanted(Weights.Wanted wanted, IActorRef worker)
    {
        if (gone.ContainsKey(wanted.Worker)) return;
        ids[wanted.Worker] = worker;
        if (!workers.TryGetValue(worker, out var recipient))
        {
            workers.Add(worker, recipient = new WeightRecipient(setup.Connect(worker, Self), Self, worker));
            Context.Watch(worker);
        }
        if (wanted.Version < version) recipient.Repeat(version, Newest);
    }

    /// <summary>The newest version's buckets, one after the other.</summary>
    private IEnumerable<(Weights.Published Header, TensorSlice Tensor)> Newest()
    {
        var weights = (setup.Published ?? setup.Store).Open(version);
        foreach (var bucket in buckets) yield return (new Weights.Published(setup.Term, version, bucket.Bucket.Index), new TensorSlice(weights, bucket.Bucket.Offset, bucket.Bucket.Length));
    }

    private void OnProgressWanted(Progress.Wanted wanted)
    {
        coordinator = Sender;
        foreach (var applied in log.From(wanted.From)) coordinator.Tell(applied, Self);
    }

    private void Fail(string error) => coordinator.Tell(new Progress.Failed(setup.Term, $"server {setup.Id}, {error}"), Self);

    private sealed record Arrival(long Step, int Piece, IActorRef Worker, ContributionLedger.Entry?[] Parts)
    {
        public float Share { get; set; }

        public long Version { get; set; }

        public Gradients.Leaf Leaf { get; set; }
    }
}
