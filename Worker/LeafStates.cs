using System.Collections.Immutable;
using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Worker;

/// <summary>
/// The states that a worker's next leaves need, of error feedback or local steps: which are here, which it has asked for, and which others have asked for. Nothing of it is touched while the compute thread is at work.
/// </summary>
internal sealed class LeafStates(WorkerSetup setup)
{
    /// <summary>What <see cref="Residuals.Answer.Newest"/> says where there is no state at all.</summary>
    public const long None = -2;

    private readonly ClockPlan clocks = setup.Clocks;
    private readonly Dictionary<int, long> wanted = [];
    private readonly List<Residuals.Order> orders = [];
    private bool isOutdated;

    /// <summary>Whether the leaves' states depend on when they were computed, not only on what: where workers may be steps apart.</summary>
    public bool AreTimed { get; } = setup.Consistency.StalenessBound > 0;

    /// <summary>The worker was given up, and others have gone on with its leaves: where that comes to other states, its own are of no use any more.</summary>
    public void Outdate()
    {
        isOutdated = AreTimed;
        wanted.Clear();
    }

    /// <summary>Whether every state is here that a clock's leaves need.</summary>
    /// <param name="clock">The clock to compute.</param>
    /// <param name="leaves">Its leaves.</param>
    /// <param name="ask">Told, once for each, what is missing: leaf and clock.</param>
    public bool IsReady(long clock, ImmutableArray<int> leaves, Action<int, long> ask)
    {
        bool ready = true;
        foreach (int leaf in leaves)
        {
            long after = LastBefore(clocks, clock, leaf);
            if (setup.Residuals.Has(leaf, clock, after))
            {
                wanted.Remove(leaf);
                continue;
            }
            ready = false;
            if (wanted.TryGetValue(leaf, out long known) && known == after) continue;
            wanted[leaf] = after;
            ask(leaf, after);
        }
        return ready;
    }

    /// <summary>Asks, perhaps again, for every state that is missing, before its clock may be computed even: who has it may be about to leave. What is no longer needed here is no longer asked for.</summary>
    /// <param name="upcoming">The leaves that are computed here, and the next clock of each.</param>
    /// <param name="computing">Those that the compute thread is at: their states are being made here, and whatever came of another's would be in its way.</param>
    /// <param name="ask">Told what is missing: leaf and clock.</param>
    public void Ask(IEnumerable<(int Leaf, long Clock)> upcoming, ImmutableArray<int> computing, Action<int, long> ask)
    {
        wanted.Clear();
        foreach (var (leaf, clock) in upcoming)
        {
            if (computing.Contains(leaf)) continue;
            long after = LastBefore(clocks, clock, leaf);
            if (setup.Residuals.Has(leaf, clock, after)) continue;
            wanted[leaf] = after;
            ask(leaf, after);
        }
    }

    /// <summary>Frees the states that nobody can need any more, those of leaves which were computed elsewhere since.</summary>
    /// <param name="version">The clocks that are in the weights.</param>
    public void Free(long version) => setup.Residuals.Free(leaf => LastBefore(clocks, version, leaf));

    /// <summary>A state is here; one that was not asked for is left out. The coordinator is told, so that whoever sent it may go.</summary>
    public void Take(Residuals.State state, ReadOnlySpan<float> values, WorkerId worker, IActorRef self)
    {
        if (isOutdated || !wanted.TryGetValue(state.Leaf, out long known) || known != state.After || values.Length != setup.Residuals.StateLength) return;
        wanted.Remove(state.Leaf);
        setup.Residuals.Restore(state.Leaf, state.After, values);
        setup.Coordinator.Tell(new Residuals.Answer(state.Term, worker, state.Leaf, state.After, self, true, state.After), self);
    }

    /// <summary>Nobody has a state: it begins at zero.</summary>
    public void TakeZero(int leaf, long after)
    {
        if (isOutdated || !wanted.TryGetValue(leaf, out long known) || known != after) return;
        wanted.Remove(leaf);
        setup.Residuals.RestoreZero(leaf, after);
    }

    /// <summary>Whether somebody has asked for states that were not sent yet.</summary>
    public bool IsAsked => orders.Count > 0;

    /// <summary>Somebody needs a state; saying so again changes nothing while it is not served.</summary>
    public void Add(Residuals.Order order)
    {
        if (!orders.Contains(order)) orders.Add(order);
    }

    /// <summary>Sends the states that are here to those who need them; before that, puts away what is of no use any more.</summary>
    /// <param name="worker">This worker.</param>
    /// <param name="self">Its actor.</param>
    public void Serve(WorkerId worker, IActorRef self)
    {
        if (isOutdated) setup.Residuals.Clear();
        isOutdated = false;
        foreach (var order in orders)
        {
            bool sent = setup.Residuals.CopyOf(order.Leaf, order.After) is { } copy && Send(order, copy, self);
            setup.Coordinator.Tell(new Residuals.Answer(order.Term, worker, order.Leaf, order.After, order.To, sent, setup.Residuals.StepOf(order.Leaf) ?? None), self);
        }
        orders.Clear();
    }

    /// <summary>The last clock before <paramref name="clock"/> in which a leaf has samples; −1 for none.</summary>
    public static long LastBefore(ClockPlan clocks, long clock, int leaf)
    {
        do clock--;
        while (clock >= 0 && clocks.Samples(clock, leaf) == 0);
        return clock;
    }

    private bool Send(Residuals.Order order, FloatBuffer copy, IActorRef self)
    {
        setup.Connect(order.To, self).Send(new Residuals.State(order.Term, order.Leaf, order.After), new TensorSlice(copy, 0, copy.Length));
        return true;
    }
}
