using System.Collections.Immutable;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// The head's sum of squares of a whole gradient, from the nodes that servers send: the tree over block numbers, so that no cut into servers or buckets shows in the bits.
/// </summary>
internal sealed class NormBoard(int blocks, int servers)
{
    private readonly Dictionary<TreeNode, double> sums = [];
    private readonly HashSet<int> heard = [];

    public long Step { get; private set; } = -1;

    /// <summary>Whether every server's part is in.</summary>
    public bool IsComplete => heard.Count == servers;

    public void Begin(long step)
    {
        Step = step;
        sums.Clear();
        heard.Clear();
    }

    public void Add(Norms.Part part)
    {
        if (part.Step != Step || !heard.Add(part.Server.Value)) return;
        foreach (var sum in part.Sums) sums[new TreeNode(sum.Lo, sum.Hi)] = sum.Squares;
    }

    /// <summary>The L2 norm; needs all parts.</summary>
    public double Norm() => Math.Sqrt(Sum(0, blocks));

    /// <summary>A server's part: the nodes that cover its blocks, each with its sum.</summary>
    public static ImmutableArray<Norms.Sum> PartOf(int firstBlock, ReadOnlySpan<double> squares, int blocks)
    {
        var nodes = new List<TreeNode>();
        ReductionTree.Cover(firstBlock, firstBlock + squares.Length, blocks, nodes);
        var sums = ImmutableArray.CreateBuilder<Norms.Sum>(nodes.Count);
        foreach (var node in nodes)
            sums.Add(new Norms.Sum(node.Lo, node.Hi, Simd.TreeReduce.Sum(squares.Slice(node.Lo - firstBlock, node.Length))));
        return sums.MoveToImmutable();
    }

    private double Sum(int lo, int hi)
    {
        if (sums.TryGetValue(new TreeNode(lo, hi), out double known)) return known;
        if (hi - lo <= 1) return 0;
        int m = ReductionTree.Split(lo, hi);
        return Sum(lo, m) + Sum(m, hi);
    }
}
