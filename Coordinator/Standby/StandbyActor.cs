using Akka.Actor;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Protocol;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Standby;

/// <summary>What a standby goes by in one life.</summary>
internal sealed record StandbySetup
{
    /// <summary>Where the primary is.</summary>
    public required Address Primary { get; init; }

    /// <summary>What it is told first.</summary>
    public required Standbys.Hello Hello { get; init; }

    /// <summary>How long the primary may be silent before its workers are asked.</summary>
    public TimeSpan Detection { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The folder that checkpoints go to.</summary>
    public required CheckpointFolder Folder { get; init; }

    /// <summary>What to make of an offer; throws <see cref="UserErrorException"/> for one that cannot be stood by for.</summary>
    public required Func<Standbys.Offer, StandbyChoice> Consider { get; init; }

    /// <summary>Opens the way for tensors of a job (first) to an actor (second).</summary>
    public required Func<Standbys.Offer, IActorRef, IDisposable> Open { get; init; }

    /// <summary>Who has promised what; its highest term is kept from life to life.</summary>
    public required Candidacy Candidacy { get; init; }

    /// <summary>Told lines for people.</summary>
    public required Action<string> Note { get; init; }

    /// <summary>Completed when this life is over; <see cref="StandbyActor.Elected"/> stands for having won.</summary>
    public required TaskCompletionSource<object> Ended { get; init; }
}

/// <summary>
/// A standby's half of the talk with the primary, and its talk with workers that look for a coordinator: fetches each checkpoint, goes by the newest members, and asks workers for their promise while the primary is silent. Once elected it
/// answers nobody any more; the node begins to reign instead.
/// </summary>
internal sealed class StandbyActor : UntypedActor, IWithTimers
{
    private readonly StandbySetup setup;
    private Standbys.Offer? offer;
    private StandbyLives? lives;
    private IDisposable? channels;
    private CheckpointFetch? fetch;
    private long fetched = -1;
    private bool finishing, elected;
    private TimeSpan heard;

    /// <summary>Begins to ask.</summary>
    public StandbyActor(StandbySetup setup) => this.setup = setup;

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private static TimeSpan Now => Context.System.Scheduler.HighResMonotonicClock;

    private string Primary => $"{setup.Primary.Host}:{setup.Primary.Port}";

    /// <inheritdoc/>
    protected override void PreStart() => Timers.StartPeriodicTimer(this, Turn.Instance, TimeSpan.Zero, setup.Detection / 4);

    /// <inheritdoc/>
    protected override void PostStop()
    {
        channels?.Dispose();
        if (!finishing) fetch?.Dispose();
        // Should it have failed: what it knew of members must not outlive it.
        setup.Ended.TrySetResult(new StandbyEnd.Again());
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (elected)
        {
            (message as TensorArrived)?.Lease?.Dispose();
            return;
        }
        switch (message)
        {
            case Turn: OnTurn(); break;
            case Nodes.Hello hello: OnWorker(hello); break;
            case Standbys.Promise promise when promise.Line == offer?.Line: OnPromise(promise); break;
            case Nodes.Ask: Sender.Tell(new Membership.Refused($"it stands by for {Primary}, which runs the job"), Self); break;
            case TensorArrived arrived:
                if (arrived.Header is Standbys.Piece piece && fetch?.Step == piece.Step && piece.Job == offer?.Job) Guarded(() => fetch.Take(piece.Offset, arrived.Tensor));
                arrived.Lease?.Dispose();
                GoOn(again: false);
                break;
            case Finished finished: OnFinished(finished); break;
            case Leave:
                if (lives is not null) To().Tell(new Standbys.Leaves(offer!.Job, lives.Life), Self);
                break;
            case IProtocolMessage told when Sender.Path.Address == setup.Primary: OnPrimary(told); break;
            default: Unhandled(message); break;
        }
    }

    private void OnPrimary(IProtocolMessage message)
    {
        switch (message)
        {
            case Membership.Refused refused: setup.Ended.TrySetResult(new StandbyEnd.Refused(refused.Reason)); break;
            case Standbys.Offer offered: OnOffer(offered); break;
            case Standbys.Members members when members.Job == offer?.Job && members.Life == lives?.Life:
                heard = Now;
                if (setup.Candidacy.Asking is not null) setup.Note($"{Primary} is heard again");
                setup.Candidacy.Take(members.Number, members.Workers);
                Sender.Tell(new Standbys.MembersTaken(members.Job, members.Life, members.Number), Self);
                break;
            case Standbys.Saved saved when saved.Job == offer?.Job && lives is not null: OnSaved(saved); break;
            case Standbys.JobOver over when over.Job == offer?.Job:
                Sender.Tell(over, Self);
                setup.Ended.TrySetResult(new StandbyEnd.JobOver());
                break;
            default: Unhandled(message); break;
        }
    }

    private void OnOffer(Standbys.Offer offered)
    {
        // One offer more may have been under way when the first was decided.
        if (setup.Ended.Task.IsCompleted) return;
        if (lives is not null)
        {
            if (offered.Job == offer!.Job) Sender.Tell(new Standbys.Accepted(offered.Job, lives.Id, lives.Life), Self);
            else setup.Ended.TrySetResult(new StandbyEnd.Again());
            return;
        }
        try
        {
            switch (setup.Consider(offered))
            {
                case StandbyChoice.Share:
                    Sender.Tell(new Standbys.Shared(offered.Job), Self);
                    setup.Ended.TrySetResult(new StandbyEnd.Shared());
                    break;
                case StandbyChoice.Accept accept:
                    (offer, lives, heard) = (offered, accept.Lives, Now);
                    channels = setup.Open(offered, Self);
                    Sender.Tell(new Standbys.Accepted(offered.Job, lives.Id, lives.Life), Self);
                    break;
            }
        }
        catch (UserErrorException error)
        {
            setup.Ended.TrySetResult(new StandbyEnd.Unfit(error));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            setup.Ended.TrySetResult(new StandbyEnd.Unfit(new UserErrorException($"--checkpoint-dir {setup.Folder.Path}: cannot be used: {error.Message}", error)));
        }
    }

    private void OnTurn()
    {
        GoOn(again: true);
        bool silent = Now - heard > setup.Detection;
        if (lives is null || silent) To().Tell(setup.Hello, Self);
        if (lives is null || !silent || setup.Candidacy.Asking is not null) return;
        setup.Candidacy.Ask(offer!.Term);
        setup.Note($"nothing was heard of {Primary} for {setup.Detection.TotalSeconds:0.#} s: "
            + (setup.Candidacy.Members == 0 ? "it had no workers, so none can decide that it is followed; start it again" : $"takes over when more than half of its {setup.Candidacy.Members} workers have come here"));
    }

    private ActorSelection To() => Context.ActorSelection(new RootActorPath(setup.Primary) / "user" / StandbyDesk.Name);

    private void OnWorker(Nodes.Hello worker)
    {
        if (setup.Candidacy.Asking is { } term && worker.Line == offer!.Line) Sender.Tell(new Standbys.Campaign(worker.Line, term), Self);
        else if (worker.Promised.Value > 0) Sender.Tell(new Standbys.Released(worker.Line, worker.Promised), Self);
    }

    private void OnPromise(Standbys.Promise promise)
    {
        setup.Candidacy.Hear(promise.Term, promise.Worker);
        if (!setup.Candidacy.IsElected) return;
        elected = true;
        setup.Note($"takes over in term {promise.Term}: {setup.Candidacy.Promises} of {setup.Candidacy.Members} workers follow");
        setup.Ended.TrySetResult(new Elected(offer!, promise.Term));
    }

    private void OnSaved(Standbys.Saved saved)
    {
        heard = Now;
        if (saved.Step == fetched)
        {
            Sender.Tell(new Standbys.Fetched(saved.Job, saved.Step, ""), Self);
            return;
        }
        if (finishing || (fetch?.Step == saved.Step && fetch.Length == saved.Bytes)) return;
        Guarded(() =>
        {
            fetch?.Dispose();
            fetch = saved.Bytes > 0 ? new CheckpointFetch(setup.Folder, offer!.Layout, saved.Step, saved.Bytes) : null;
        });
        GoOn(again: false);
    }

    /// <summary>Asks for what is missing; once all is here has it put in its place, on another thread.</summary>
    private void GoOn(bool again)
    {
        if (fetch is null || finishing) return;
        if (fetch.Wanted(again) is { } offset) To().Tell(new Standbys.PiecesWanted(offer!.Job, fetch.Step, offset, CheckpointPieces.MostAtOnce), Self);
        if (!fetch.IsWhole) return;
        finishing = true;
        var (whole, self) = (fetch, Self);
        Task.Run(() =>
        {
            string reason = "";
            try
            {
                using (whole) whole.Finish();
            }
            catch (Exception error) when (error is UserErrorException or IOException or UnauthorizedAccessException)
            {
                reason = error.Message;
            }
            self.Tell(new Finished(whole.Step, reason), ActorRefs.NoSender);
        });
    }

    private void OnFinished(Finished finished)
    {
        (fetch, finishing) = (null, false);
        if (finished.Refusal.Length == 0) fetched = finished.Step;
        Report(finished.Step, finished.Refusal);
    }

    /// <summary>Does what a disk may refuse.</summary>
    private void Guarded(Action act)
    {
        try
        {
            act();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            long step = fetch?.Step ?? -1;
            fetch?.Dispose();
            fetch = null;
            Report(step, error.Message);
        }
    }

    private void Report(long step, string refusal)
    {
        if (refusal.Length > 0) setup.Note($"the checkpoint of step {step} that came from {Primary} is not taken: {refusal}");
        To().Tell(new Standbys.Fetched(offer!.Job, step, refusal), Self);
    }

    /// <summary>More than half of the members have promised.</summary>
    internal sealed record Elected(Standbys.Offer Offer, Term Term);

    /// <summary>Says goodbye to the primary.</summary>
    internal sealed class Leave
    {
        public static readonly Leave Instance = new();
    }

    private sealed record Finished(long Step, string Refusal) : INoSerializationVerificationNeeded;

    private sealed class Turn
    {
        public static readonly Turn Instance = new();
    }
}

/// <summary>Where workers look for a coordinator: here a standby answers.</summary>
internal sealed class StandbyGate(IActorRef standby) : UntypedActor
{
    /// <inheritdoc/>
    protected override void OnReceive(object message) => standby.Forward(message);
}
