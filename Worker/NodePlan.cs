using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>A leaf to compute, and how many sums follow it: each adds the two newest partial sums of its node.</summary>
internal readonly record struct LeafTask(int Leaf, int Sums);

/// <summary>The order in which a worker computes and sums one node of the tree; absent leaves are left out.</summary>
internal static class NodePlan
{
    /// <summary>Appends the node's tasks; returns whether any leaf of it is present.</summary>
    public static bool Append(TreeNode node, ReadOnlySpan<bool> present, List<LeafTask> tasks)
    {
        if (node.Length == 1)
        {
            if (present[node.Lo]) tasks.Add(new LeafTask(node.Lo, 0));
            return present[node.Lo];
        }
        int m = ReductionTree.Split(node.Lo, node.Hi);
        bool left = Append(node with { Hi = m }, present, tasks);
        bool right = Append(node with { Lo = m }, present, tasks);
        if (left && right) tasks[^1] = tasks[^1] with { Sums = tasks[^1].Sums + 1 };
        return left || right;
    }

    /// <summary>Appends the nodes that cover a set of leaves: the largest aligned blocks, or single leaves.</summary>
    public static void Cover(IReadOnlyList<int> leaves, int total, bool leafByLeaf, List<TreeNode> nodes)
    {
        for (int i = 0; i < leaves.Count;)
        {
            int run = i + 1;
            while (!leafByLeaf && run < leaves.Count && leaves[run] == leaves[run - 1] + 1) run++;
            ReductionTree.Cover(leaves[i], leaves[run - 1] + 1, total, nodes);
            i = run;
        }
    }
}
