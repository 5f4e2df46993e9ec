namespace DistTrain.Training;

/// <summary>A node of the reduction tree: the leaves [Lo, Hi).</summary>
public readonly record struct TreeNode(int Lo, int Hi)
{
    /// <summary>The number of leaves.</summary>
    public int Length => Hi - Lo;

    /// <summary>Whether all of the other node's leaves are among this one's.</summary>
    public bool Contains(TreeNode other) => Lo <= other.Lo && other.Hi <= Hi;

    /// <summary>Whether the two have a leaf in common; of two nodes of one tree, one then contains the other.</summary>
    public bool Overlaps(TreeNode other) => Lo < other.Hi && other.Lo < Hi;

    /// <inheritdoc/>
    public override string ToString() => $"[{Lo}, {Hi})";
}

/// <summary>
/// The one order in which pieces are summed: T(lo, hi) = T(lo, m) + T(m, hi) with m = lo + the largest power of two below hi − lo. A function of the number of leaves alone, so who computed which leaf never
/// shows in the bits. An absent child is skipped, not added as zero.
/// </summary>
public static class ReductionTree
{
    /// <summary>Where a node of two leaves or more is split.</summary>
    public static int Split(int lo, int hi) => Simd.TreeReduce.Split(lo, hi);

    /// <summary>Whether [lo, hi) is a node of the tree over [0, leaves).</summary>
    public static bool IsNode(TreeNode node, int leaves)
    {
        if (node.Lo < 0 || node.Hi <= node.Lo || node.Hi > leaves) return false;
        int lo = 0, hi = leaves;
        while (hi - lo > node.Length)
        {
            int m = Split(lo, hi);
            if (node.Hi <= m) hi = m;
            else if (node.Lo >= m) lo = m;
            else return false;
        }
        return lo == node.Lo && hi == node.Hi;
    }

    /// <summary>Adds to <paramref name="nodes"/> the fewest nodes of the tree over [0, leaves) that cover exactly [lo, hi), in order.</summary>
    public static void Cover(int lo, int hi, int leaves, List<TreeNode> nodes) => Cover(lo, hi, new TreeNode(0, leaves), nodes);

    private static void Cover(int lo, int hi, TreeNode node, List<TreeNode> nodes)
    {
        if (hi <= node.Lo || node.Hi <= lo) return;
        if (lo <= node.Lo && node.Hi <= hi) { nodes.Add(node); return; }
        int m = Split(node.Lo, node.Hi);
        Cover(lo, hi, node with { Hi = m }, nodes);
        Cover(lo, hi, node with { Lo = m }, nodes);
    }
}
