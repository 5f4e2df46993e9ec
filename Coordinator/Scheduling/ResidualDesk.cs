using Akka.Actor;
using DistTrain.Coordinator.Checkpoints;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>
/// The coordinator's part in the error-feedback states of leaves: finds them for workers that take leaves over, gathers them for checkpoints, and says which were lost. The states themselves travel from worker to worker.
/// </summary>
internal sealed class ResidualDesk
{
    private readonly CoordinatorSetup setup;
    private readonly Roster roster;
    private readonly IActorRef self;
    private readonly Action<int, long> lost;
    private readonly ClockPlan clocks;
    private readonly ResidualBoard board = new();
    private readonly HashSet<(int Leaf, long After)> zeroed = [];
    private Dictionary<int, ResidualState> gathered = [];
    private readonly Dictionary<int, long> missing = [];
    private readonly Dictionary<WorkerId, (Member Member, HashSet<int> Leaves)> leaving = [];
    private Action? whenGathered;

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
        if (wanted.After >= setup.StartStep && !zeroed.Contains((wanted.Leaf, wanted.After))) Ask(new ResidualQuestion(wanted.Leaf, wanted.After, worker), wanted.Worker);
        else if (wanted.After < setup.StartStep && setup.Residuals.TryGetValue(wanted.Leaf, out var saved) && saved.After == wanted.After) Send(worker, wanted.Leaf, saved);
        else worker.Tell(new Residuals.Zero(setup.Term, wanted.Leaf, wanted.After), self);
        if (wanted.After < setup.StartStep) Release(wanted.Leaf);
    }

    /// <summary>A worker answers.</summary>
    public void Heard(Residuals.Answer answer)
    {
        if (answer.Term != setup.Term) return;
        if (board.Heard(answer) == ResidualBoard.Verdict.Lost) Lose(new ResidualQuestion(answer.Leaf, answer.After, answer.To));
        else if (answer.Sent && roster.Members.Any(member => member.Id == answer.Worker && member.Actor.Equals(answer.To))) Release(answer.Leaf);
    }

    /// <summary>A worker goes by itself: it is asked for its leaves' states until others have them.</summary>
    public void Leave(Member member, IEnumerable<int> leaves)
    {
        leaving[member.Id] = (member, [.. leaves]);
        if (leaving[member.Id].Leaves.Count == 0) LetGo(member);
    }

    /// <summary>A worker is lost, or off the roster.</summary>
    public void Forget(WorkerId worker)
    {
        if (leaving.ContainsKey(worker)) return;
        foreach (var question in board.Forget(worker)) Lose(question);
    }

    /// <summary>An actor has stopped, or its node is gone: if its worker was leaving, it is gone now.</summary>
    public void Gone(Func<IActorRef, bool> isGone)
    {
        foreach (var (worker, (member, _)) in leaving.ToList())
        {
            if (!isGone(member.Actor)) continue;
            leaving.Remove(worker);
            Forget(worker);
        }
    }

    /// <summary>Gathers all states, at a moment when every clock below <paramref name="end"/> is in the weights and none beyond was begun.</summary>
    /// <param name="end">The clocks that are done.</param>
    /// <param name="then">What to do once they are here.</param>
    public void Gather(long end, Action then)
    {
        (gathered, whenGathered) = ([], then);
        GatheredAt = end;
        missing.Clear();
        for (int leaf = 0; leaf < setup.Plan.Pieces; leaf++)
        {
            long after = LeafStates.LastBefore(clocks, end, leaf);
            if (after >= setup.StartStep) missing.Add(leaf, after);
            else if (setup.Residuals.TryGetValue(leaf, out var saved)) gathered.Add(leaf, saved);
        }
        Repeat();
        Settle();
    }

    /// <summary>A state for a checkpoint is here.</summary>
    public void Take(Residuals.State state, TensorSlice values)
    {
        if (!IsGathering || state.Term != setup.Term || !missing.TryGetValue(state.Leaf, out long after) || after != state.After || values.Buffer is null) return;
        missing.Remove(state.Leaf);
        gathered[state.Leaf] = new ResidualState(after, values.Buffer);
        Settle();
    }

    /// <summary>Asks again for what did not come.</summary>
    public void Repeat()
    {
        if (!IsGathering) return;
        foreach (var (leaf, after) in missing.ToList())
        {
            if (zeroed.Contains((leaf, after))) missing.Remove(leaf);
            else Ask(new ResidualQuestion(leaf, after, self), null);
        }
    }

    private void Ask(ResidualQuestion question, WorkerId? asker)
    {
        var order = new Residuals.Order(setup.Term, question.Leaf, question.After, question.To);
        Member[] others = [.. roster.Members.Concat(leaving.Values.Select(left => left.Member)).Where(member => member.Id != asker)];
        var silent = board.Ask(question, others.Select(member => member.Id));
        foreach (var member in others)
            if (silent.Contains(member.Id)) member.Actor.Tell(order, self);
        if (others.Length == 0) Lose(question);
    }

    /// <summary>A leaf's state is where it is needed: a worker that leaves and has no other that is needed may go.</summary>
    private void Release(int leaf)
    {
        foreach (var (_, (member, leaves)) in leaving.ToList())
        {
            if (leaves.Remove(leaf) && leaves.Count == 0) LetGo(member);
        }
    }

    private void LetGo(Member member)
    {
        leaving.Remove(member.Id);
        Forget(member.Id);
        member.Actor.Tell(new Schedule.JobEnded(setup.Term, "released"), self);
    }

    private void Lose(ResidualQuestion question)
    {
        if (zeroed.Add((question.Leaf, question.After))) lost(question.Leaf, question.After);
        if (!question.To.Equals(self))
        {
            question.To.Tell(new Residuals.Zero(setup.Term, question.Leaf, question.After), self);
            return;
        }
        missing.Remove(question.Leaf);
        Settle();
    }

    private void Settle()
    {
        if (missing.Count > 0 || whenGathered is not { } then) return;
        whenGathered = null;
        then();
    }

    private void Send(IActorRef worker, int leaf, ResidualState state) =>
        setup.Connect(worker, self).Send(new Residuals.State(setup.Term, leaf, state.After), new TensorSlice(state.Values, 0, state.Values.Length));
}
