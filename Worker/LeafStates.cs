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
    private readonly Queue<Residuals.Order> orders = new();

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
            if (setup.Residuals.Has(leaf, clock, after)) continue;
            ready = false;
            if (wanted.TryGetValue(leaf, out long known) && known == after) continue;
            wanted[leaf] = after;
            ask(leaf, after);
        }
        return ready;
    }

    /// <summary>Asks again for what did not come.</summary>
    public void Repeat(Action<int, long> ask)
    {
        foreach (var (leaf, after) in wanted) ask(leaf, after);
    }

    /// <summary>A state is here; one that was not asked for is left out. The coordinator is told, so that whoever sent it may go.</summary>
    public void Take(Residuals.State state, ReadOnlySpan<float> values, WorkerId worker, IActorRef self)
    {
        if (!wanted.TryGetValue(state.Leaf, out long known) || known != state.After || values.Length != setup.Residuals.StateLength) return;
        wanted.Remove(state.Leaf);
        setup.Residuals.Restore(state.Leaf, state.After, values);
        setup.Coordinator.Tell(new Residuals.Answer(state.Term, worker, state.Leaf, state.After, self, true, state.After), self);
    }

    /// <summary>Nobody has a state: it begins at zero.</summary>
    public void TakeZero(int leaf, long after)
    {
        if (!wanted.TryGetValue(leaf, out long known) || known != after) return;
        wanted.Remove(leaf);
        setup.Residuals.RestoreZero(leaf, after);
    }

    /// <summary>Whether somebody waits for a state of here.</summary>
    public bool IsAsked => orders.Count > 0;

    /// <summary>Somebody needs a state.</summary>
    public void Add(Residuals.Order order) => orders.Enqueue(order);

    /// <summary>Sends the states that are here to those who need them.</summary>
    /// <param name="worker">This worker.</param>
    /// <param name="self">Its actor.</param>
    public void Serve(WorkerId worker, IActorRef self)
    {
        while (orders.TryDequeue(out var order))
        {
            bool sent = setup.Residuals.CopyOf(order.Leaf, order.After) is { } copy && Send(order, copy, self);
            setup.Coordinator.Tell(new Residuals.Answer(order.Term, worker, order.Leaf, order.After, order.To, sent, setup.Residuals.StepOf(order.Leaf) ?? None), self);
        }
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
