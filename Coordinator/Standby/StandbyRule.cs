using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Coordinator.Standby;

/// <summary>
/// Whether this coordinator may go on, as far as a standby with a folder of its own has a say in it: always while there is none. It outlives the actor systems in which the job runs. What must not happen while it may not, such as the end
/// of a step, waits here. All members may be called from any thread.
/// </summary>
internal sealed class StandbyRule
{
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Quorum quorum;
    private readonly Dictionary<Address, Guid> workers = [];
    private readonly List<(IActorRef Actor, object Message)> waiting = [];
    private readonly CancellationTokenSource deposed = new();
    private (JobId Job, long Life) begun;
    private long until;

    /// <summary>Makes the rule.</summary>
    /// <param name="line">What this job and all that goes on with it have in common.</param>
    /// <param name="before">The standby of the process that ran the job before, as its folder says; null for none.</param>
    /// <param name="time">The clock.</param>
    public StandbyRule(Guid line, StandbyRecord? before = null, TimeProvider? time = null)
    {
        (Line, Before, Known, this.time) = (line, before, before, time ?? TimeProvider.System);
        quorum = new Quorum(isUnsure: before is not null);
        until = quorum.Until();
    }

    /// <summary>What this job and all that goes on with it have in common.</summary>
    public Guid Line { get; }

    /// <summary>The standby of the process that ran the job before; null for none.</summary>
    public StandbyRecord? Before { get; }

    /// <summary>The standby that may know of members, now or when it is heard again; null for none. No other is taken in.</summary>
    public StandbyRecord? Known { get; private set; }

    /// <summary>Whether that standby has not been heard of yet, and may have taken over.</summary>
    public bool IsUnsure
    {
        get
        {
            lock (gate) return quorum.IsUnsure;
        }
    }

    /// <summary>Cancelled when a standby has taken over.</summary>
    public CancellationToken Deposed => deposed.Token;

    /// <summary>Who has, for people.</summary>
    public string Successor { get; private set; } = "";

    /// <summary>Whether it may go on now. Looks at the own clock only.</summary>
    public bool MayRule => !deposed.IsCancellationRequested && time.GetTimestamp() < Volatile.Read(ref until);

    /// <summary>Now, as a number for workers to repeat.</summary>
    public long Beat() => Math.Max(1, time.GetTimestamp());

    /// <summary>A worker's node speaks.</summary>
    public void Heard(Address node, Nodes.Ping ping)
    {
        long now = time.GetTimestamp();
        if (ping.Process == Guid.Empty || ping.Beat <= 0 || ping.Beat > now || ping.HoldsMs <= 0) return;
        // A little less than was promised: two clocks need not run equally fast.
        long holds = (long)(Math.Min(ping.HoldsMs, 3_600_000) / 1000.0 * 15 / 16 * time.TimestampFrequency);
        lock (gate)
        {
            workers[node] = ping.Process;
            quorum.Count(ping.Process, ping.Beat + holds);
        }
    }

    /// <summary>A worker's node is silent, or has gone.</summary>
    public void Lost(Address node)
    {
        lock (gate)
            if (workers.Remove(node, out var worker)) quorum.Lose(worker);
    }

    /// <summary>A standby begins a life in which it knows of no members yet. Heard again, of the same life, that says nothing any more.</summary>
    /// <param name="standby">The standby.</param>
    /// <param name="job">The job that it stands by for.</param>
    /// <param name="life">Which life it is.</param>
    public void Begin(StandbyRecord standby, JobId job, long life)
    {
        lock (gate)
        {
            if (begun == (job, life)) return;
            begun = (job, life);
        }
        Void(standby);
    }

    /// <summary>The standby knows of no members: it has begun anew, or there is none any more.</summary>
    /// <param name="known">The standby; null for none.</param>
    public void Void(StandbyRecord? known)
    {
        lock (gate)
        {
            Known = known;
            quorum.Void();
        }
        Look();
    }

    /// <inheritdoc cref="Quorum.Propose"/>
    public (long Number, System.Collections.Immutable.ImmutableArray<Guid> Members) Propose()
    {
        lock (gate)
        {
            var members = quorum.Propose(time.GetTimestamp());
            // Before they are sent.
            Volatile.Write(ref until, quorum.Until());
            return members;
        }
    }

    /// <inheritdoc cref="Quorum.Taken"/>
    public void Taken(long number)
    {
        lock (gate) quorum.Taken(number);
        Look();
    }

    /// <inheritdoc cref="Quorum.Held"/>
    public (int Counted, int Members) Held()
    {
        lock (gate) return quorum.Held(time.GetTimestamp());
    }

    /// <summary>Finds out anew until when it may go on; what waited for that is delivered. To be called again and again.</summary>
    public void Look()
    {
        (IActorRef Actor, object Message)[] ready = [];
        lock (gate)
        {
            quorum.Forget(time.GetTimestamp());
            Volatile.Write(ref until, quorum.Until());
            if (waiting.Count > 0 && MayRule)
            {
                ready = [.. waiting];
                waiting.Clear();
            }
        }
        foreach (var (actor, message) in ready) actor.Tell(message, ActorRefs.NoSender);
    }

    /// <summary>Whether an actor may act on a message now; else it is delivered again, without its sender, when it may.</summary>
    public bool Passes(IActorRef actor, object message)
    {
        if (MayRule) return true;
        lock (gate) waiting.Add((actor, message));
        return false;
    }

    /// <summary>A standby has taken over.</summary>
    public void Depose(Term term, string where)
    {
        Successor = $"the coordinator at {where} has it in term {term}";
        deposed.Cancel();
    }

    /// <summary>Waits until it may go on, or never may again.</summary>
    public async Task SettledAsync()
    {
        while (!MayRule && !deposed.IsCancellationRequested)
        {
            await Task.Delay(20).ConfigureAwait(false);
            Look();
        }
    }
}
