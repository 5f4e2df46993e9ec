using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// Sums the contributions of a ledger by the tree, one block at a time: the partial sums stay in the nearest cache, each contribution is read once, and a single unscaled one is not even copied.
/// </summary>
internal static class TreeSum
{
    private const int Absent = -1;
    private const int InScratch = -2;

    [ThreadStatic]
    private static List<FloatBuffer>? scratch;

    /// <summary>The sum over a range of a bucket, valid until this thread's next sum; zeros where everything is absent.</summary>
    /// <param name="ledger">A complete ledger.</param>
    /// <param name="leaves">Leaves of the whole tree.</param>
    /// <param name="offset">Where the range starts within the bucket.</param>
    /// <param name="length">Its length, a block at most.</param>
    public static ReadOnlySpan<float> Of(ContributionLedger ledger, int leaves, int offset, int length)
    {
        int found = Sum(ledger, 0, leaves, 0, offset, length);
        if (found == InScratch) return Level(0).Slice(0, length);
        var level = Level(0).Slice(0, length);
        if (found == Absent)
        {
            level.Clear();
            return level;
        }
        var entry = ledger.StartingAt(found)!;
        var source = entry.Tensor.Span.Slice(offset, length);
        if (entry.Header.Scale == 1f) return source;
        GradientKernels.Scale(source, entry.Header.Scale, level);
        return level;
    }

    /// <summary>Where T(lo, hi) is: absent, in this level's scratch, or still in the contribution that starts with the leaf returned.</summary>
    private static int Sum(ContributionLedger ledger, int lo, int hi, int level, int offset, int length)
    {
        if (ledger.StartingAt(lo) is { } entry && entry.Node.Hi == hi) return entry.IsAbsent ? Absent : lo;
        if (hi - lo == 1) return Absent;
        int m = ReductionTree.Split(lo, hi);
        int left = Sum(ledger, lo, m, level, offset, length);
        if (left == Absent) return Sum(ledger, m, hi, level, offset, length);
        int right = Sum(ledger, m, hi, level + 1, offset, length);
        if (right == Absent) return left;
        var destination = Level(level).Slice(0, length);
        var a = Source(ledger, left, level, offset, length, out float aScale);
        var b = Source(ledger, right, level + 1, offset, length, out float bScale);
        GradientKernels.ScaledSum(a, aScale, b, bScale, destination);
        return InScratch;
    }

    private static ReadOnlySpan<float> Source(ContributionLedger ledger, int where, int level, int offset, int length, out float scale)
    {
        scale = 1f;
        if (where == InScratch) return Level(level).Slice(0, length);
        var entry = ledger.StartingAt(where)!;
        scale = entry.Header.Scale;
        return entry.Tensor.Span.Slice(offset, length);
    }

    private static FloatBuffer Level(int level)
    {
        scratch ??= [];
        while (scratch.Count <= level) scratch.Add(new FloatBuffer(ParameterLayout.BlockLength));
        return scratch[level];
    }
}
