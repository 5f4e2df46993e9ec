using DistTrain.Coordinator.Checkpoints;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>The states of leaves that a run goes on from. They are as large as the model, one for each leaf, and are let go of one by one: as soon as a leaf has been computed, its state is where that was done.</summary>
/// <param name="states">The states by leaf; a leaf without one starts at zero.</param>
internal sealed class FirstStates(IEnumerable<KeyValuePair<int, ResidualState>> states)
{
    private readonly Dictionary<int, ResidualState> held = new(states);

    /// <summary>How many are still here.</summary>
    public int Count => held.Count;

    /// <summary>A leaf's state; null where there was none, or none is needed any more.</summary>
    public ResidualState? Find(int leaf) => held.GetValueOrDefault(leaf);

    /// <summary>Lets go of those of some leaves.</summary>
    public void Release(Func<int, bool> isDone)
    {
        if (held.Count == 0) return;
        foreach (int leaf in held.Keys.Where(isDone).ToList()) held.Remove(leaf);
    }
}
