using System.Collections.Immutable;
using DistTrain.Coordinator.Simulation;
using DistTrain.Protocol;
using DistTrain.Training;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Reduction;

/// <summary>What became of a contribution that was offered.</summary>
public enum Taken
{
    /// <summary>It is counted.</summary>
    Counted,

    /// <summary>All of its leaves were counted before; it is ignored.</summary>
    Duplicate,

    /// <summary>It has the name of one that is counted, but other floats: somebody computes wrongly.</summary>
    Conflict,
}

/// <summary>
/// Which leaves of one bucket of one step are in, each once. Nodes of a tree are nested or apart, so a contribution either has nothing new, or replaces the smaller ones it contains: by the tree's definition it is their sum.
/// </summary>
/// <param name="leaves">The leaves of the tree.</param>
/// <param name="clocks">Which leaves a step has samples for; null where each has.</param>
public sealed class ContributionLedger(int leaves, ClockPlan? clocks)
{
    private readonly bool[] expected = new bool[leaves];
    private readonly Entry?[] byFirst = new Entry?[leaves];
    private int missing;

    /// <summary>A contribution that is counted.</summary>
    public sealed record Entry(TreeNode Node, Gradients.Contribution Header, TensorSlice Tensor, IDisposable? Lease)
    {
        /// <summary>Whether none of the node's leaves counts: it covers them and adds nothing.</summary>
        public bool IsAbsent => Tensor.Length == 0;
    }

    /// <summary>A mistake put in on purpose, for tests of the simulator.</summary>
    internal PlantedBug Bug { get; init; }

    /// <summary>The step whose contributions are collected.</summary>
    public long Step { get; private set; } = -1;

    /// <summary>Whether every leaf that has samples is in.</summary>
    public bool IsComplete => missing <= 0;

    /// <summary>The entry whose node begins with this leaf, if any.</summary>
    public Entry? StartingAt(int leaf) => byFirst[leaf];

    /// <summary>Begins another step; nothing is in.</summary>
    public void Begin(long step)
    {
        Clear();
        Step = step;
        missing = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = clocks is null || clocks.Samples(step, i) > 0;
            if (expected[i]) missing++;
        }
    }

    /// <summary>Counts a contribution, once.</summary>
    public Taken Take(Entry offered)
    {
        if (Covering(offered.Node) is { } known)
        {
            bool same = known.Node != offered.Node || known.Header.Digest == offered.Header.Digest || known.Header.Version != offered.Header.Version;
            offered.Lease?.Dispose();
            if (Bug != PlantedBug.None) return Mistake(known);
            return same ? Taken.Duplicate : Taken.Conflict;
        }
        if (!HasNew(offered.Node))
        {
            // All of it is here in smaller parts, which may be being summed at this moment: they stay.
            offered.Lease?.Dispose();
            return Taken.Duplicate;
        }
        for (int leaf = offered.Node.Lo; leaf < offered.Node.Hi; leaf++) Remove(leaf);
        byFirst[offered.Node.Lo] = offered;
        missing -= Expected(offered.Node);
        return Taken.Counted;
    }

    /// <summary>The leaves that are still to come.</summary>
    public ImmutableArray<int> Missing()
    {
        var leaves = ImmutableArray.CreateBuilder<int>();
        for (int leaf = 0; leaf < expected.Length; leaf++)
        {
            if (byFirst[leaf] is { } entry) leaf = entry.Node.Hi - 1;
            else if (expected[leaf]) leaves.Add(leaf);
        }
        return leaves.ToImmutable();
    }

    /// <summary>What the pieces found, in leaf order.</summary>
    public ImmutableArray<Gradients.Leaf> Results()
    {
        var results = ImmutableArray.CreateBuilder<Gradients.Leaf>(expected.Length);
        foreach (var entry in byFirst)
        {
            if (entry is null) continue;
            int start = results.Count;
            results.AddRange(entry.Header.Leaves);
            SortByPiece(results, start);
        }
        return results.ToImmutable();
    }

    /// <summary>Forgets everything and gives the tensors back.</summary>
    public void Clear()
    {
        for (int leaf = 0; leaf < byFirst.Length; leaf++) Remove(leaf);
        Step = -1;
    }

    /// <summary>A node's leaves come nearly in order: absent ones first.</summary>
    private static void SortByPiece(ImmutableArray<Gradients.Leaf>.Builder results, int start)
    {
        for (int i = start + 1; i < results.Count; i++)
            for (int j = i; j > start && results[j - 1].Piece > results[j].Piece; j--) (results[j - 1], results[j]) = (results[j], results[j - 1]);
    }

    private Entry? Covering(TreeNode node)
    {
        for (int leaf = node.Lo; leaf >= 0; leaf--)
            if (byFirst[leaf] is { } entry) return entry.Node.Contains(node) ? entry : null;
        return null;
    }

    private Taken Mistake(Entry known)
    {
        if (Bug == PlantedBug.DroppedShard) missing--;
        else if (Bug == PlantedBug.DoubleCount) byFirst[known.Node.Lo] = known with { Header = known.Header with { Scale = known.Header.Scale * 2, Leaves = [.. known.Header.Leaves, .. known.Header.Leaves] } };
        return Bug == PlantedBug.DroppedShard && IsComplete ? Taken.Counted : Taken.Duplicate;
    }

    private bool HasNew(TreeNode node)
    {
        for (int leaf = node.Lo; leaf < node.Hi; leaf++)
        {
            if (byFirst[leaf] is { } entry) leaf = entry.Node.Hi - 1;
            else if (expected[leaf]) return true;
        }
        return false;
    }

    private void Remove(int leaf)
    {
        if (byFirst[leaf] is not { } entry) return;
        entry.Lease?.Dispose();
        missing += Expected(entry.Node);
        byFirst[leaf] = null;
    }

    private int Expected(TreeNode node)
    {
        int count = 0;
        for (int leaf = node.Lo; leaf < node.Hi; leaf++)
            if (expected[leaf]) count++;
        return count;
    }
}
