using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Coordinator.Reduction;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Coordinator;

/// <summary>
/// A parameter server: collects each bucket's contributions, once each; when a bucket's last one is in, has it averaged and stepped, and publishes its next version to the workers. It decides; compute threads compute.
/// </summary>
public sealed class ParameterServerActor : UntypedActor
{
    private readonly ServerSetup setup;
    private readonly BucketState?[] buckets;
    private readonly BucketState[] own;
    private readonly Dictionary<IActorRef, ITensorChannel> workers = [];
    private readonly AppliedLog log;
    private readonly ServerVerdicts? verdicts;
    private readonly ICancelable tick;
    private readonly ServerSpans? spans;
    private IActorRef coordinator = ActorRefs.Nobody;

    /// <summary>Makes the server; its first version is the store's.</summary>
    public ParameterServerActor(ServerSetup setup)
    {
        this.setup = setup;
        buckets = new BucketState?[setup.Buckets.Buckets.Length];
        foreach (var bucket in setup.Buckets.Buckets)
            if (bucket.Server == setup.Id.Value) buckets[bucket.Index] = new BucketState(setup, Self, bucket);
        own = [.. buckets.OfType<BucketState>()];
        log = new AppliedLog(setup.Term, setup.Id, setup.StartStep);
        if (setup.Timeline is { } timeline) spans = new ServerSpans(timeline, $"server {setup.Id}");
        if (setup.NeedsVerdict) verdicts = new ServerVerdicts(setup, own);
        tick = setup.Clock.Every(setup.Tick, Self, Tick.Instance);
    }

    /// <inheritdoc/>
    protected override void PostStop() => tick.Cancel();

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case TensorArrived { Header: Gradients.Contribution contribution } arrived: OnContribution(contribution, arrived); break;
            case BucketWorkDone done when !setup.Passes(Self, done): break;
            case BucketWorkDone done: OnWorkDone(buckets[done.Bucket]!); break;
            case Weights.Wanted wanted: OnWanted(wanted); break;
            case Norms.Part part: OnPart(part); break;
            case Norms.Verdict verdict: OnVerdict(verdict); break;
            case Progress.Wanted wanted: OnProgressWanted(wanted); break;
            case Terminated dead: workers.Remove(dead.ActorRef); break;
            case Serving.NodeLost node:
                foreach (var gone in workers.Keys.Where(worker => worker.Path.Address == node.Node).ToList()) workers.Remove(gone);
                break;
            case Tick: SendPart(); break;
            case Schedule.Horizon or Schedule.Halt: break;
            case Schedule.JobEnded: Context.Stop(Self); break;
            default: Unhandled(message); break;
        }
    }

    private void OnContribution(Gradients.Contribution contribution, TensorArrived arrived)
    {
        var name = contribution.What;
        if (Refusal(contribution, arrived.Tensor) is { } reason)
        {
            arrived.Lease?.Dispose();
            Sender.Tell(new Gradients.Refused(name, reason), Self);
            return;
        }
        var state = buckets[name.Bucket]!;
        if (state.Collecting(name.Step) is not { } ledger)
        {
            arrived.Lease?.Dispose();
            return;
        }
        var entry = new ContributionLedger.Entry(new TreeNode(name.Lo, name.Hi), contribution, arrived.Tensor, arrived.Lease);
        switch (ledger.Take(entry))
        {
            case Taken.Counted when ledger.IsComplete: Start(state); break;
            case Taken.Conflict: OnConflict(ledger, contribution); break;
        }
    }

    /// <summary>Why a contribution cannot be right; null when it can.</summary>
    private string? Refusal(Gradients.Contribution contribution, TensorSlice tensor)
    {
        var name = contribution.What;
        if (name.Job != setup.Job) return $"it belongs to job {name.Job}, this is {setup.Job}";
        if (name.Term != setup.Term) return $"it belongs to term {name.Term}, this is term {setup.Term}";
        if ((uint)name.Bucket >= (uint)buckets.Length || buckets[name.Bucket] is not { } state) return $"bucket {name.Bucket} is not of server {setup.Id}";
        if (!ReductionTree.IsNode(new TreeNode(name.Lo, name.Hi), setup.Plan.Pieces)) return $"[{name.Lo}, {name.Hi}) is no node of the tree over {setup.Plan.Pieces} pieces";
        if (tensor.Length != state.Bucket.Length && (tensor.Length != 0 || contribution.Scale != 0f)) return $"it has {tensor.Length} floats, bucket {name.Bucket} has {state.Bucket.Length}";
        if (name.Step >= state.End) return $"step {name.Step} is {name.Step - state.Version} ahead, at most {setup.Consistency.StalenessBound} are allowed";
        if (contribution.Version > name.Step || contribution.Version < name.Step - setup.Consistency.StalenessBound)
            return $"step {name.Step} was computed on version {contribution.Version}, allowed are {name.Step - setup.Consistency.StalenessBound} to {name.Step}";
        return null;
    }

    /// <summary>Has a bucket computed whose contributions are complete, unless it is at work already.</summary>
    private void Start(BucketState state)
    {
        if (state.CanStart) Post(state, verdicts is null ? BucketPhase.ReduceAndStep : BucketPhase.Reduce, 1f);
    }

    private void Post(BucketState state, BucketPhase phase, float coefficient)
    {
        state.Busy = true;
        if (!setup.Store.TryRead(state.Version, out var from)) throw new InvalidOperationException($"weights version {state.Version} is gone before it was stepped");
        // The version after it cannot be opened by anybody before this bucket is in, so the server needs no lease while it reads.
        from.Dispose();
        state.Work.Prepare(phase, state.Current, setup.Plan.Pieces, from.Weights, setup.Store.Open(state.Version + 1), setup.Published?.Open(state.Version + 1), setup.LearningRate(state.Version), coefficient);
        setup.Compute.Post(state.Work);
    }

    private void OnWorkDone(BucketState state)
    {
        state.Busy = false;
        spans?.Done(state);
        if (state.Work.Error is { } error)
        {
            Fail($"step {state.Version}, bucket {state.Bucket.Index}: {error.Message}");
            return;
        }
        if (state.Work.Phase == BucketPhase.Reduce)
        {
            state.Averaged = true;
            SendPart();
            return;
        }
        if (!state.Work.IsFinite)
        {
            Fail($"step {state.Version}: the averaged gradient is not finite");
            return;
        }
        Publish(state, state.Work.Phase == BucketPhase.Skip);
    }

    private void Publish(BucketState state, bool skipped)
    {
        if (state.Bucket.Index == 0) log.Found(state.Version, state.Current.Results(), verdicts?.NormOf(state.Version) ?? double.NaN, skipped, state.Version + 1);
        state.Advance();
        var published = new Weights.Published(setup.Term, state.Version, state.Bucket.Index);
        var tensor = Published(state);
        long start = spans is null ? 0 : Timeline.Now;
        foreach (var channel in workers.Values) channel.Send(published, tensor);
        spans?.Broadcast(start, state);
        if (setup.Snapshots is { } snapshots && snapshots.Wants(state.Version)) snapshots.Take(state.Version, state.Bucket, setup.Store.Open(state.Version), setup.State);
        if (log.Advance(OldestVersion()) is { } applied) coordinator.Tell(applied, Self);
        Start(state);
    }

    private long OldestVersion()
    {
        long oldest = long.MaxValue;
        foreach (var state in own) oldest = Math.Min(oldest, state.Version);
        return oldest;
    }

    private TensorSlice Published(BucketState state) => new((setup.Published ?? setup.Store).Open(state.Version), state.Bucket.Offset, state.Bucket.Length);

    /// <summary>Tells the head this server's part of the norm, once all of its buckets are averaged.</summary>
    private void SendPart()
    {
        if (verdicts?.Part() is { } part) (setup.Head ?? Self).Tell(part, Self);
    }

    private void OnPart(Norms.Part part)
    {
        if (part.Term != setup.Term || verdicts?.Heard(part, Sender) is not { } verdict) return;
        if (verdict.Skip && setup.OnNonFinite == OnNonFinite.Fail)
        {
            Fail($"step {verdict.Step}: the averaged gradient is not finite");
            return;
        }
        foreach (var server in verdicts.Servers) server.Tell(verdict, Self);
    }

    private void OnVerdict(Norms.Verdict verdict)
    {
        if (verdict.Term != setup.Term) return;
        foreach (var state in own)
            if (state.Averaged && !state.Busy && state.Version == verdict.Step)
                Post(state, verdict.Skip ? BucketPhase.Skip : BucketPhase.Step, verdict.Coefficient);
    }

    /// <summary>A worker waits: from now on it gets what is published; what it lacks, it gets now, or is asked for.</summary>
    private void OnWanted(Weights.Wanted wanted)
    {
        if (wanted.Term != setup.Term || wanted.Newest.IsDefault || wanted.Newest.Length != buckets.Length || wanted.Skipped.IsDefault) return;
        var worker = Sender;
        if (!workers.TryGetValue(worker, out var channel))
        {
            workers.Add(worker, channel = setup.Connect(worker, Self));
            Context.Watch(worker);
        }
        foreach (var state in own)
        {
            if (state.Version > wanted.Newest[state.Bucket.Index])
                channel.Send(new Weights.Published(setup.Term, state.Version, state.Bucket.Index), Published(state));
            var missing = state.Current.Missing();
            if (!missing.IsEmpty) worker.Tell(new Gradients.Missing(setup.Term, state.Version, state.Bucket.Index, missing), Self);
        }
        if (!wanted.Skipped.IsEmpty) SendSkipped(channel, wanted);
    }

    /// <summary>The worker came when some buckets had advanced and others had not: it gets the older version of those that had, while it is still held.</summary>
    private void SendSkipped(ITensorChannel channel, Weights.Wanted wanted)
    {
        long version = wanted.Newest.Min();
        if (!(setup.Published ?? setup.Store).TryRead(version, out var read)) return;
        using (read)
        {
            foreach (int index in wanted.Skipped)
            {
                if ((uint)index >= (uint)buckets.Length || buckets[index] is not { } state || state.Version <= version) continue;
                channel.Send(new Weights.Published(setup.Term, version, index), new TensorSlice(read.Weights, state.Bucket.Offset, state.Bucket.Length));
            }
        }
    }

    private void OnProgressWanted(Progress.Wanted wanted)
    {
        if (wanted.Term != setup.Term) return;
        coordinator = Sender;
        foreach (var applied in log.From(wanted.From)) coordinator.Tell(applied, Self);
    }

    private void OnConflict(ContributionLedger ledger, Gradients.Contribution late)
    {
        var first = ledger.StartingAt(late.What.Lo)!.Header;
        Fail($"shard {late.What.Lo / setup.Plan.Accumulate} of step {late.What.Step}, bucket {late.What.Bucket}: workers {first.Worker} and {late.Worker} computed different gradients; one of their machines computes wrongly");
    }

    private void Fail(string error) => coordinator.Tell(new Progress.Failed(setup.Term, $"server {setup.Id}, {error}"), Self);

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }
}
