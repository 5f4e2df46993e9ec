using Akka.Actor;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Protocol;
using DistTrain.Transport;
using DistTrain.Transport.Channels;
using DistTrain.Worker.Node;

namespace DistTrain.Coordinator.Standby;

/// <summary>What the desk tells a standby, and whom it tells what.</summary>
internal sealed record StandbyDeskSetup
{
    /// <summary>The job's id.</summary>
    public required JobId Job { get; init; }

    /// <summary>The coordinator's term.</summary>
    public required Term Term { get; init; }

    /// <summary>Whether this coordinator may go on.</summary>
    public required StandbyRule Rule { get; init; }

    /// <summary>The folder of checkpoints.</summary>
    public required CheckpointFolder Folder { get; init; }

    /// <summary>Whose lease is in that folder.</summary>
    public required string Lease { get; init; }

    /// <summary>The job as JSON.</summary>
    public required string Options { get; init; }

    /// <summary>The hash of the layout.</summary>
    public required string Layout { get; init; }

    /// <summary>The job's token; null for none.</summary>
    public JobToken? Token { get; init; }

    /// <summary>How long a standby may be silent before that is told.</summary>
    public TimeSpan Detection { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Opens a channel to the standby (first) from the desk (second).</summary>
    public required Func<IActorRef, IActorRef, ITensorChannel> Connect { get; init; }

    /// <summary>Whether nodes are reached under TLS.</summary>
    public bool IsSecure { get; init; }

    /// <summary>Told events.</summary>
    public required Action<RunEvent> Tell { get; init; }

    /// <summary>Completed once the standby, where there is one, knows that the job is over, or is not heard any more.</summary>
    public TaskCompletionSource Told { get; init; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// A coordinator's half of the talk with its standby: takes it in, tells it again and again which workers take part, sends it each checkpoint, and says when the run had to wait.
/// </summary>
internal sealed class StandbyDesk : UntypedActor, IWithTimers
{
    /// <summary>The actor's name below <c>/user</c>, and that of its counterpart on the standby.</summary>
    public const string Name = "standby";

    private const int MostGreeted = 64;

    private readonly StandbyDeskSetup setup;
    private readonly Dictionary<Address, Standbys.Hello> greeted = [];
    private readonly CheckpointDelivery delivery;
    private readonly StrangerLog refusals;
    private Partner? partner;
    private bool ruled = true, silent, over;

    /// <summary>Opens the desk.</summary>
    public StandbyDesk(StandbyDeskSetup setup)
    {
        this.setup = setup;
        delivery = new CheckpointDelivery(setup.Tell);
        refusals = new StrangerLog(Say, TimeSpan.FromMinutes(1), "more that would stand by were refused in {0} s", first: 20);
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private static TimeSpan Now => Context.System.Scheduler.HighResMonotonicClock;

    private StandbyRule Rule => setup.Rule;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        if (Rule is { IsUnsure: true, Before: { } before })
            Say($"waits for the standby at {before.At}, which may have taken over; should it be gone for good, delete {Path.Combine(setup.Folder.Path, StandbyRecord.Name)} and start again");
        ruled = Rule.MayRule;
        Timers.StartPeriodicTimer(this, Turn.Instance, TimeSpan.Zero, setup.Detection / 4);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        delivery.Dispose();
        refusals.Dispose();
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Standbys.Hello hello: OnHello(hello); break;
            case Standbys.Accepted accepted: OnAccepted(accepted); break;
            case Standbys.Shared shared when shared.Job == setup.Job && greeted.TryGetValue(Sender.Path.Address, out var hello): setup.Tell(new RunEvent.StandbyJoined(hello.Name, At(Sender.Path.Address), true)); break;
            case Standbys.Asked asked when asked.Line == Rule.Line: Sender.Tell(new Standbys.Reigns(Rule.Line, setup.Term), Self); break;
            // From a coordinator that was this one's primary, and may not know yet that it was followed.
            case Standbys.Members members when members.Term.CompareTo(setup.Term) < 0: Sender.Tell(new Standbys.Reigns(Rule.Line, setup.Term), Self); break;
            case Standbys.Reigns reigns when reigns.Line == Rule.Line && (Rule.IsUnsure || reigns.Term.CompareTo(setup.Term) > 0): Rule.Depose(reigns.Term, At(Sender.Path.Address)); break;
            case Standbys.MembersTaken taken when IsPartner(taken.Job) && taken.Life == partner!.Life:
                OnHeard();
                Rule.Taken(taken.Number);
                break;
            case Standbys.PiecesWanted wanted when IsPartner(wanted.Job):
                OnHeard();
                delivery.Send(partner!.Channel, wanted);
                break;
            case Standbys.Fetched fetched when IsPartner(fetched.Job):
                OnHeard();
                delivery.Heard(fetched);
                // What was refused is tried again with the next turn, not at once.
                if (fetched.Refusal.Length == 0) OnTurn();
                break;
            case Standbys.JobOver heard when IsPartner(heard.Job) && over: Part(); break;
            case Standbys.Leaves leaves when IsPartner(leaves.Job) && leaves.Life == partner!.Life:
                Say($"{partner.Name} stands by no longer");
                Part();
                break;
            case RunEvent.CheckpointDone done: OnSaved(done); break;
            case Over: OnOver(); break;
            case Turn: OnTurn(); break;
            default: Unhandled(message); break;
        }
    }

    private void OnHello(Standbys.Hello hello)
    {
        string? reason = !PlainText.IsName(hello.Name) ? $"its name has to be of 1 to {PlainText.LongestName} printable characters"
            : hello.Version != Membership.ProtocolVersion ? $"its protocol version is {hello.Version}, the coordinator's is {Membership.ProtocolVersion}"
            : setup.Token is not { } token || token.Accepts(hello.Name, hello.Incarnation, hello.Proof) ? null
            : hello.Proof.Length == 0 ? "it has no token, the job has one" : "its token is not the job's";
        if (reason is not null)
        {
            Refuse(hello, reason);
            return;
        }
        // Whoever is still there greets again.
        if (greeted.Count >= MostGreeted && !greeted.ContainsKey(Sender.Path.Address)) greeted.Clear();
        greeted[Sender.Path.Address] = hello;
        Sender.Tell(new Standbys.Offer(setup.Job, setup.Term, Rule.Line, setup.Options, setup.Layout, setup.Lease), Self);
    }

    private void OnAccepted(Standbys.Accepted accepted)
    {
        var address = Sender.Path.Address;
        if (accepted.Job != setup.Job || over || !greeted.TryGetValue(address, out var hello)) return;
        if (Rule.Known is { } known && known.Id != accepted.Id)
        {
            Refuse(hello, $"the standby of this job is the one at {known.At}: let it go first, or give this one its --checkpoint-dir");
            return;
        }
        if (partner is not null && accepted.Life <= partner.Life)
        {
            if (accepted.Life == partner.Life) OnHeard();
            return;
        }
        var record = new StandbyRecord(Rule.Line, accepted.Id, At(address));
        try
        {
            // Before it can know of any member: a process that goes on from this folder must hear from it first.
            record.Write(setup.Folder.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Refuse(hello, $"it cannot be noted in {setup.Folder.Path}: {error.Message}");
            return;
        }
        Rule.Begin(record, accepted.Job, accepted.Life);
        partner = new Partner(hello.Name, accepted.Life, address, setup.Connect(Sender, Self)) { Heard = Now };
        silent = false;
        setup.Tell(new RunEvent.StandbyJoined(hello.Name, At(address), false));
        if (setup.Folder.Files() is [var newest, ..] && CheckpointFolder.StepOf(newest) is { } step) delivery.Offer(step, newest);
        OnTurn();
    }

    private void Refuse(Standbys.Hello hello, string reason)
    {
        refusals.Add($"{PlainText.Of(hello.Name, PlainText.LongestName)} (process {hello.ProcessId}), which would stand by, is refused: {reason}");
        Sender.Tell(new Membership.Refused(reason), Self);
    }

    private void OnTurn()
    {
        Rule.Look();
        if (Rule.IsUnsure && Rule.Before is { } before) To(NodeSystem.AddressOf(before.At, setup.IsSecure)).Tell(new Standbys.Asked(Rule.Line, setup.Term), Self);
        if (partner is not null)
        {
            var members = Rule.Propose();
            var to = To(partner.Address);
            to.Tell(new Standbys.Members(setup.Job, setup.Term, partner.Life, members.Number, members.Members), Self);
            if (delivery.UnderWay is var (step, bytes)) to.Tell(new Standbys.Saved(setup.Job, step, bytes), Self);
            if (over) to.Tell(new Standbys.JobOver(setup.Job), Self);
            if (!silent && Now - partner.Heard > setup.Detection) OnSilent();
        }
        SayWhetherItGoesOn();
    }

    private void OnSilent()
    {
        silent = true;
        Say($"the standby {partner!.Name} is silent");
        delivery.WaitNoLonger();
        if (over) setup.Told.TrySetResult();
    }

    private void OnHeard()
    {
        partner!.Heard = Now;
        if (silent) Say($"the standby {partner.Name} is heard again");
        silent = false;
    }

    private void SayWhetherItGoesOn()
    {
        bool rules = Rule.MayRule;
        if (rules == ruled || Rule.Deposed.IsCancellationRequested) return;
        ruled = rules;
        if (rules) Say("goes on");
        else if (Rule.Held() is var (counted, members) && members > 0) Say($"pauses: it has {counted} of {members} workers, and the standby, which could go on with the others, does not answer");
    }

    private void OnSaved(RunEvent.CheckpointDone done)
    {
        if (partner is null)
        {
            setup.Tell(done);
            return;
        }
        delivery.Add(done);
        if (silent || over) delivery.WaitNoLonger();
        OnTurn();
    }

    private void OnOver()
    {
        over = true;
        delivery.WaitNoLonger();
        if (partner is null || silent) setup.Told.TrySetResult();
        else OnTurn();
    }

    /// <summary>The standby goes: it has no say any more.</summary>
    private void Part()
    {
        try
        {
            StandbyRecord.Delete(setup.Folder.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Whoever goes on from this folder would wait for the standby.
            Say($"{Path.Combine(setup.Folder.Path, StandbyRecord.Name)} cannot be deleted: {error.Message}; delete it before this job is started again");
        }
        Rule.Void(null);
        partner = null;
        delivery.Stop();
        if (over) setup.Told.TrySetResult();
        SayWhetherItGoesOn();
    }

    private bool IsPartner(JobId job) => job == setup.Job && partner?.Address == Sender.Path.Address;

    private static ActorSelection To(Address address) => Context.ActorSelection(new RootActorPath(address) / "user" / Name);

    private static string At(Address address) => $"{address.Host}:{address.Port}";

    private void Say(string text) => setup.Tell(new RunEvent.Noted(text));

    /// <summary>The job is over: the standby is told.</summary>
    internal sealed class Over
    {
        public static readonly Over Instance = new();
    }

    private sealed class Partner(string name, long life, Address address, ITensorChannel channel)
    {
        public string Name => name;

        public long Life => life;

        public Address Address => address;

        public ITensorChannel Channel => channel;

        public TimeSpan Heard { get; set; }
    }

    private sealed class Turn
    {
        public static readonly Turn Instance = new();
    }
}
