using DistTrain.Simd;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Reduction;

/// <summary>
/// Sums the contributions of a ledger by the tree in one pass over memory: up to eight contributions at a time go through registers, partial sums of deeper trees stay in the nearest cache, and each contribution is read once.
/// </summary>
internal static class TreeSum
{
    // Longer runs of each contribution serve the memory's prefetching better than smaller partial sums serve the first cache (measured from 512 floats up: Benchmarks -- scale reduce).
    private const int ChunkLength = ParameterLayout.BlockLength;

    private const int Absent = -1;
    private const int Summed = -2;

    [ThreadStatic]
    private static FloatBuffer? result;

    [ThreadStatic]
    private static List<FloatBuffer>? scratch;

    /// <summary>The sum over a range of a bucket, valid until this thread's next sum; zeros where everything is absent. A single contribution without a factor is not even copied.</summary>
    /// <param name="ledger">A complete ledger.</param>
    /// <param name="leaves">Leaves of the whole tree.</param>
    /// <param name="offset">Where the range starts within the bucket.</param>
    /// <param name="length">Its length, a block at most.</param>
    public static ReadOnlySpan<float> Of(ContributionLedger ledger, int leaves, int offset, int length)
    {
        if (ledger.StartingAt(0) is { IsAbsent: false, Header.Scale: 1f } whole && whole.Node.Hi == leaves) return whole.Tensor.Span.Slice(offset, length);
        var sum = (result ??= new FloatBuffer(ParameterLayout.BlockLength)).Slice(0, length);
        Into(ledger, leaves, offset, sum);
        return sum;
    }

    /// <summary>Writes the sum over a range of a bucket; zeros where everything is absent.</summary>
    /// <param name="ledger">A complete ledger.</param>
    /// <param name="leaves">Leaves of the whole tree.</param>
    /// <param name="offset">Where the range starts within the bucket.</param>
    /// <param name="destination">Gives the range's length; no contribution's own memory.</param>
    public static void Into(ContributionLedger ledger, int leaves, int offset, Span<float> destination)
    {
        for (int done = 0; done < destination.Length; done += ChunkLength)
        {
            var chunk = destination.Slice(done, Math.Min(ChunkLength, destination.Length - done));
            int found = Sum(ledger, 0, leaves, 0, offset + done, chunk);
            if (found == Absent) chunk.Clear();
            else if (found != Summed) GradientKernels.Scale(Source(ledger, found, offset + done, chunk.Length), ScaleOf(ledger, found), chunk);
        }
    }

    /// <summary>T(lo, hi): absent, written into the destination, or still in the contribution that starts with the leaf returned.</summary>
    private static int Sum(ContributionLedger ledger, int lo, int hi, int level, int offset, Span<float> destination)
    {
        int whole = Direct(ledger, lo, hi);
        if (whole != Summed) return whole;
        int m = ReductionTree.Split(lo, hi);
        if (SumFew(ledger, lo, m, hi, offset, destination) || SumEight(ledger, lo, hi, offset, destination, add: false)) return Summed;
        int left = Sum(ledger, lo, m, level, offset, destination);
        if (left == Absent) return Sum(ledger, m, hi, level, offset, destination);
        if (left == Summed && SumEight(ledger, m, hi, offset, destination, add: true)) return Summed;
        var other = Level(level).Slice(0, destination.Length);
        int right = Sum(ledger, m, hi, level + 1, offset, other);
        if (right == Absent) return left;
        GradientKernels.ScaledSum(
            left == Summed ? destination : Source(ledger, left, offset, destination.Length), ScaleOf(ledger, left), right == Summed ? other : Source(ledger, right, offset, destination.Length), ScaleOf(ledger, right), destination);
        return Summed;
    }

    /// <summary>The node of two children that are each a contribution, or a sum of two: in one pass.</summary>
    private static bool SumFew(ContributionLedger ledger, int lo, int m, int hi, int offset, Span<float> destination)
    {
        if (!Pair(ledger, lo, m, out int a, out int b) || !Pair(ledger, m, hi, out int c, out int d)) return false;
        int length = destination.Length;
        if (b == Absent && d == Absent) GradientKernels.ScaledSum(Source(ledger, a, offset, length), ScaleOf(ledger, a), Source(ledger, c, offset, length), ScaleOf(ledger, c), destination);
        else if (b == Absent || d == Absent)
        {
            // Addition commutes: the pair comes first, whichever side it is on.
            var (first, second, third) = b == Absent ? (c, d, a) : (a, b, c);
            GradientKernels.ScaledSum3(Source(ledger, first, offset, length), ScaleOf(ledger, first), Source(ledger, second, offset, length), ScaleOf(ledger, second), Source(ledger, third, offset, length), ScaleOf(ledger, third), destination);
        }
        else
        {
            GradientKernels.ScaledSum4(
                Source(ledger, a, offset, length), ScaleOf(ledger, a), Source(ledger, b, offset, length), ScaleOf(ledger, b),
                Source(ledger, c, offset, length), ScaleOf(ledger, c), Source(ledger, d, offset, length), ScaleOf(ledger, d), destination);
        }
        return true;
    }

    /// <summary>The node of eight contributions, each a leaf of a tree of three levels: in one pass, written or added to the sum on its left.</summary>
    private static bool SumEight(ContributionLedger ledger, int lo, int hi, int offset, Span<float> destination, bool add)
    {
        Span<int> found = stackalloc int[8];
        if (hi - lo < found.Length || !Find(ledger, lo, hi, found)) return false;
        int length = destination.Length;
        GradientKernels.ScaledSum8(
            Scaled(ledger, found[0], offset, length), Scaled(ledger, found[1], offset, length), Scaled(ledger, found[2], offset, length), Scaled(ledger, found[3], offset, length),
            Scaled(ledger, found[4], offset, length), Scaled(ledger, found[5], offset, length), Scaled(ledger, found[6], offset, length), Scaled(ledger, found[7], offset, length), destination, add);
        return true;
    }

    /// <summary>Whether a node is the full tree over so many contributions; their first leaves.</summary>
    private static bool Find(ContributionLedger ledger, int lo, int hi, Span<int> found)
    {
        int whole = Direct(ledger, lo, hi);
        if (found.Length == 1)
        {
            found[0] = whole;
            return whole >= 0;
        }
        if (whole != Summed) return false;
        int m = ReductionTree.Split(lo, hi), half = found.Length / 2;
        return Find(ledger, lo, m, found[..half]) && Find(ledger, m, hi, found[half..]);
    }

    private static ScaledSpan Scaled(ContributionLedger ledger, int leaf, int offset, int length) => new(Source(ledger, leaf, offset, length), ScaleOf(ledger, leaf));

    /// <summary>Whether a node is one contribution, or the sum of two; absent ones are left to the general way.</summary>
    private static bool Pair(ContributionLedger ledger, int lo, int hi, out int first, out int second)
    {
        (first, second) = (Direct(ledger, lo, hi), Absent);
        if (first != Summed) return first != Absent;
        int m = ReductionTree.Split(lo, hi);
        (first, second) = (Direct(ledger, lo, m), Direct(ledger, m, hi));
        return first >= 0 && second >= 0;
    }

    /// <summary>The contribution that is this very node; absent; or <see cref="Summed"/> where it has to be summed.</summary>
    private static int Direct(ContributionLedger ledger, int lo, int hi)
    {
        if (ledger.StartingAt(lo) is { } entry && entry.Node.Hi == hi) return entry.IsAbsent ? Absent : lo;
        return hi - lo == 1 ? Absent : Summed;
    }

    private static ReadOnlySpan<float> Source(ContributionLedger ledger, int leaf, int offset, int length) => ledger.StartingAt(leaf)!.Tensor.Span.Slice(offset, length);

    private static float ScaleOf(ContributionLedger ledger, int leaf) => leaf == Summed ? 1f : ledger.StartingAt(leaf)!.Header.Scale;

    private static FloatBuffer Level(int level)
    {
        scratch ??= [];
        while (scratch.Count <= level) scratch.Add(new FloatBuffer(ChunkLength));
        return scratch[level];
    }
}
