using Akka.Actor;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// The coordinator's part in the states of leaves: finds them for workers that take leaves over, gathers them for checkpoints, and says which were lost. The states themselves travel from worker to worker.
/// </summary>
internal sealed class ResidualDesk
{
    private readonly CoordinatorSetup setup;
    private readonly Roster roster;
    private readonly IActorRef self;
    private readonly Action<int, long> lost;
    private readonly ClockPlan clocks;
    private readonly ResidualBoard board = new();
    // The newest clock of each leaf that a run goes on from zero after: who asks for an older one is late, and what it would compute is in the weights.
    private readonly Dictionary<int, long> zeroed = [];
    private readonly Dictionary<int, long> missing = [];
    private readonly LeavingWorkers leaving = new();
    private Dictionary<int, ResidualState> gathered = [];
    private Action? whenGathered;
    private bool isLast;

    /// <summary>Opens the desk.</summary>
    /// <param name="setup">The coordinator's setup.</param>
    /// <param name="roster">Who takes part.</param>
    /// <param name="self">The coordinator.</param>
    /// <param name="lost">Told a leaf and the clock that its run goes on from zero after; once for each.</param>
    public ResidualDesk(CoordinatorSetup setup, Roster roster, IActorRef self, Action<int, long> lost)
    {
        (this.setup, this.roster, this.self, this.lost) = (setup, roster, self, lost);
        clocks = new ClockPlan(setup.Plan, setup.Consistency);
    }

    /// <summary>The states that were gathered last; a leaf that is not there is at zero.</summary>
    public IReadOnlyDictionary<int, ResidualState> Gathered => gathered;

    /// <summary>The clocks that <see cref="Gathered"/> stands after; −1 for none.</summary>
    public long GatheredAt { get; private set; } = -1;

    /// <summary>Whether states are being gathered.</summary>
    public bool IsGathering => whenGathered is not null;

    /// <summary>A worker needs a state.</summary>
    public void Heard(Residuals.Wanted wanted, IActorRef worker)
    {
        if (wanted.Term != setup.Term || (uint)wanted.Leaf >= (uint)setup.Plan.Pieces) return;
        var question = new ResidualQuestion(wanted.Leaf, wanted.After, worker);
        if (wanted.After < setup.StartStep) SendFirst(question);
        else if (IsZero(wanted.Leaf, wanted.After)) SendZero(question);
        else Ask(question);
    }

    /// <summary>A worker answers.</summary>
    public void Heard(Residuals.Answer answer)
    {
        if (answer.Term != setup.Term) return;
        leaving.Answered(answer.Worker, answer.Leaf, answer.Newest);
        // The receiver itself says that the state is there: by the reference that it has of itself, or that others have.
        if (answer.Sent && roster.Members.FirstOrDefault(member => member.Id == answer.Worker) is { } receiver
            && new ResidualQuestion(answer.Leaf, answer.After, receiver.Actor) is var own && (receiver.Actor.Equals(answer.To) || board.IsOpen(own))) Arrived(own);
        else board.Heard(answer);
    }

    /// <summary>A worker goes by itself: it is asked for its leaves' states until others have them.</summary>
    public void Leave(Member member, IEnumerable<int> leaves)
    {
        leaving.Add(member, leaves);
        LetGo();
    }

    /// <summary>A worker that goes asks whether it may; whether it is to stay.</summary>
    public bool MustStay(WorkerId worker) => leaving.Heard(worker);

    /// <summary>A worker is lost, or off the roster.</summary>
    public void Forget(WorkerId worker)
    {
        if (!leaving.Contains(worker)) board.Forget(worker);
    }

    /// <summary>An actor has stopped: if its worker was leaving, it is gone now.</summary>
    public void Gone(IActorRef actor)
    {
        if (leaving.Remove(actor) is { } worker) board.Forget(worker);
    }

    /// <summary>The run is over: whoever is leaving may go.</summary>
    public void End(IProtocolMessage ended)
    {
        foreach (var member in leaving.Members) member.Actor.Tell(ended, self);
    }

    /// <summary>Gathers all states, at a moment when every clock below <paramref name="end"/> is in the weights and none beyond was begun.</summary>
    /// <param name="end">The clocks that are done.</param>
    /// <param name="then">What to do once they are here; what was to be done with those of an earlier call, if they are not all here, is not done.</param>
    /// <param name="isLast">Whether the run ends with it, so that nobody is waited for who may come back.</param>
    public void Gather(long end, Action then, bool isLast = false)
    {
        (gathered, whenGathered, this.isLast) = ([], then, isLast);
        GatheredAt = end;
        missing.Clear();
        for (int leaf = 0; leaf < setup.Plan.Pieces; leaf++)
        {
            long after = LeafStates.LastBefore(clocks, end, leaf);
            if (after >= setup.StartStep) missing.Add(leaf, after);
            else if (setup.First.Find(leaf) is { } saved) gathered.Add(leaf, saved);
        }
        AskForMissing();
        Settle();
    }

    /// <summary>A state for a checkpoint is here.</summary>
    public void Take(Residuals.State state, TensorSlice values)
    {
        if (!IsGathering || state.Term != setup.Term || !missing.TryGetValue(state.Leaf, out long after) || after != state.After || values.Buffer is null) return;
        missing.Remove(state.Leaf);
        gathered[state.Leaf] = new ResidualState(after, values.Buffer);
        board.Settle(new ResidualQuestion(state.Leaf, after, self));
        Settle();
    }

    /// <summary>Asks again for what did not come, those too who have come since; says what is lost, and lets go who is needed no longer.</summary>
    /// <param name="applied">The clocks that are in the weights.</param>
    public void OnTick(long applied)
    {
        // Whoever computes a leaf for the second time has its state.
        setup.First.Release(leaf => LeafStates.LastBefore(clocks, applied, leaf) >= setup.StartStep);
        if (IsGathering) AskForMissing();
        foreach (var question in board.Open) Order(question);
        // With nobody there nothing is lost for good: who was cut off comes back with its states.
        if (roster.Count > 0 || isLast)
            foreach (var question in board.Tick()) Lose(question);
        foreach (var worker in leaving.Tick()) board.Forget(worker);
        LetGo();
        Settle();
    }

    private void AskForMissing()
    {
        foreach (var (leaf, after) in missing.ToList())
        {
            if (IsZero(leaf, after)) missing.Remove(leaf);
            else Ask(new ResidualQuestion(leaf, after, self));
        }
    }

    private bool IsZero(int leaf, long after) => zeroed.TryGetValue(leaf, out long newest) && after <= newest;

    private void Ask(ResidualQuestion question)
    {
        leaving.Needed(question.Leaf);
        board.Ask(question);
        Order(question);
    }

    private void Order(ResidualQuestion question)
    {
        // What the run began with is not the workers' to send.
        if (question.After < setup.StartStep) return;
        Member[] others = [.. roster.Members.Concat(leaving.Members).Where(member => !member.Actor.Equals(question.To))];
        var asked = board.ToAsk(question, others.Select(member => member.Id));
        var order = new Residuals.Order(setup.Term, question.Leaf, question.After, question.To);
        foreach (var member in others)
            if (asked.Contains(member.Id)) member.Actor.Tell(order, self);
    }

    /// <summary>A worker needs a state that the run begins with: it is the coordinator's.</summary>
    private void SendFirst(ResidualQuestion question)
    {
        if (setup.First.Find(question.Leaf) is not { } saved || saved.After != question.After) SendZero(question);
        else if (board.Send(question)) setup.Connect(question.To, self).Send(new Residuals.State(setup.Term, question.Leaf, saved.After), new TensorSlice(saved.Values, 0, saved.Values.Length));
        Release(question);
    }

    private void SendZero(ResidualQuestion question) => question.To.Tell(new Residuals.Zero(setup.Term, question.Leaf, question.After), self);

    private void Arrived(ResidualQuestion question)
    {
        board.Settle(question);
        Release(question);
    }

    /// <summary>A leaf's state is where it is needed: a worker that leaves and has no other that is needed may go.</summary>
    private void Release(ResidualQuestion question)
    {
        leaving.Arrived(question.Leaf, question.After);
        LetGo();
    }

    private void LetGo()
    {
        foreach (var member in leaving.TakeFree())
        {
            board.Forget(member.Id);
            member.Actor.Tell(new Schedule.JobEnded(setup.Term, "released"), self);
        }
    }

    private void Lose(ResidualQuestion question)
    {
        if (!IsZero(question.Leaf, question.After))
        {
            zeroed[question.Leaf] = question.After;
            lost(question.Leaf, question.After);
        }
        if (question.To.Equals(self)) missing.Remove(question.Leaf);
        else SendZero(question);
    }

    private void Settle()
    {
        if (missing.Count > 0 || whenGathered is not { } then) return;
        whenGathered = null;
        then();
    }
}
