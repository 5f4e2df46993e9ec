using System.Numerics;
using System.Runtime.Intrinsics;

namespace DistTrain.Simd;

/// <summary>
/// The fixed tree by which a job's logical shards are summed: T(lo, hi) = T(lo, m) + T(m, hi) with m = lo + the largest power of two below hi − lo. A leaf is
/// the shard's gradient times its weight, rounded; sums are rounded one by one; nothing is fused. An absent leaf is left out: a node with one child is that child.
/// </summary>
public static unsafe class TreeReduce
{
    /// <summary>The most leaves that <see cref="Sum(ReadOnlySpan{ReadOnlyMemory{float}}, ReadOnlySpan{float}, int, Span{float})"/> takes.</summary>
    public const int MaxLeaves = 65536;

    // 4 KiB for each level of the tree above four leaves: the partial sums of 256 leaves stay in the first cache beside the leaves being read.
    private const int BlockLength = 1024;

    /// <summary>Where T(lo, hi) splits; hi − lo must be at least 2.</summary>
    public static int Split(int lo, int hi) => lo + (int)BitOperations.RoundUpToPowerOf2((uint)(hi - lo)) / 2;

    /// <summary>destination = source·weight: a leaf. They may be the same span.</summary>
    public static void Scale(ReadOnlySpan<float> source, float weight, Span<float> destination) => Elementwise.Multiply(source, weight, destination);

    /// <summary>destination = left + right: a node. The destination may be either of them.</summary>
    public static void Add(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> destination) => Elementwise.Add(left, right, destination);

    /// <summary>destination = left + right·weight: a node whose right child is a leaf. The destination may be either of them.</summary>
    public static void AddScaled(ReadOnlySpan<float> left, ReadOnlySpan<float> right, float weight, Span<float> destination)
        => Elementwise.AddScaled(left, weight, right, destination);

    /// <summary>The tree over numbers, for example the block sums of a norm; 0 for none.</summary>
    public static double Sum(ReadOnlySpan<double> values)
    {
        if (values.Length <= 2)
            return values.Length == 0 ? 0 : values.Length == 1 ? values[0] : values[0] + values[1];
        var middle = Split(0, values.Length);
        return Sum(values[..middle]) + Sum(values[middle..]);
    }

    /// <summary>The whole tree in one pass over memory: reads each leaf once and writes the destination once, with the bits of the definition.</summary>
    /// <param name="leaves">Leaf i in place i; one of length 0 is absent. At least one is present.</param>
    /// <param name="weights">One weight for each leaf, or empty where leaves are already scaled.</param>
    /// <param name="offset">Where in each leaf the range starts.</param>
    /// <param name="destination">Gives the range's length; may be one of the leaves' same range.</param>
    /// <exception cref="ArgumentException">No leaf is present, a leaf is too short, or the weights do not match.</exception>
    public static void Sum(ReadOnlySpan<ReadOnlyMemory<float>> leaves, ReadOnlySpan<float> weights, int offset, Span<float> destination)
    {
        if (leaves.Length > MaxLeaves)
            throw new ArgumentException($"TreeReduce.Sum: {leaves.Length} leaves, expected at most {MaxLeaves}");
        if (!weights.IsEmpty && weights.Length != leaves.Length)
            throw new ArgumentException($"TreeReduce.Sum: {weights.Length} weights for {leaves.Length} leaves");
        var present = 0;
        foreach (var leaf in leaves)
        {
            if (leaf.Length == 0)
                continue;
            Lanes.RequireLength("TreeReduce.Sum", "a leaf", leaf.Length, offset + destination.Length);
            present++;
        }
        if (present == 0)
            throw new ArgumentException("TreeReduce.Sum: no leaf is present, expected at least one");

        if (leaves.Length <= 4 && present == leaves.Length)
        {
            SumFew(leaves, weights, offset, destination);
            return;
        }
        var levels = BitOperations.Log2((uint)leaves.Length) + 1;
        Span<float> scratch = stackalloc float[(levels + 1) * BlockLength];
        for (var done = 0; done < destination.Length; done += BlockLength)
        {
            // Through scratch, since the destination may be a leaf that is read later.
            var length = Math.Min(BlockLength, destination.Length - done);
            SumBlock(leaves, weights, offset + done, scratch[..length], scratch[BlockLength..]);
            scratch[..length].CopyTo(destination[done..]);
        }
    }

    // The sum of these leaves into result; deeper levels use scratch. False where all leaves are absent.
    private static bool SumBlock(ReadOnlySpan<ReadOnlyMemory<float>> leaves, ReadOnlySpan<float> weights, int offset, Span<float> result, Span<float> scratch)
    {
        if (leaves.Length <= 4 && AllPresent(leaves))
        {
            SumFew(leaves, weights, offset, result);
            return true;
        }
        if (leaves.Length == 1)
            return false;

        var middle = Split(0, leaves.Length);
        var leftWeights = weights.IsEmpty ? weights : weights[..middle];
        var rightWeights = weights.IsEmpty ? weights : weights[middle..];
        if (!SumBlock(leaves[..middle], leftWeights, offset, result, scratch))
            return SumBlock(leaves[middle..], rightWeights, offset, result, scratch);
        var right = scratch[..result.Length];
        if (SumBlock(leaves[middle..], rightWeights, offset, right, scratch[BlockLength..]))
            Add(result, right, result);
        return true;
    }

    private static bool AllPresent(ReadOnlySpan<ReadOnlyMemory<float>> leaves)
    {
        foreach (var leaf in leaves)
        {
            if (leaf.Length == 0)
                return false;
        }
        return true;
    }

    // One to four leaves in one pass, their sums in registers: (a + b) + (c + d). A weight of 1 changes nothing.
    private static void SumFew(ReadOnlySpan<ReadOnlyMemory<float>> leaves, ReadOnlySpan<float> weights, int offset, Span<float> result)
    {
        var length = result.Length;
        var count = leaves.Length;
        fixed (float* a = leaves[0].Span.Slice(offset, length), b = leaves[count > 1 ? 1 : 0].Span.Slice(offset, length))
        fixed (float* c = leaves[count > 2 ? 2 : 0].Span.Slice(offset, length), d = leaves[count > 3 ? 3 : 0].Span.Slice(offset, length), y = result)
        {
            var wa = Vector512.Create(weights.IsEmpty ? 1f : weights[0]);
            var wb = Vector512.Create(weights.IsEmpty || count < 2 ? 1f : weights[1]);
            var wc = Vector512.Create(weights.IsEmpty || count < 3 ? 1f : weights[2]);
            var wd = Vector512.Create(weights.IsEmpty || count < 4 ? 1f : weights[3]);
            for (var i = 0; i < length; i += Lanes.Count)
            {
                var n = Math.Min(Lanes.Count, length - i);
                var sum = Lanes.LoadUpTo(a + i, n) * wa;
                if (count > 1)
                    sum += Lanes.LoadUpTo(b + i, n) * wb;
                if (count > 3)
                    sum += Lanes.LoadUpTo(c + i, n) * wc + Lanes.LoadUpTo(d + i, n) * wd;
                else if (count > 2)
                    sum += Lanes.LoadUpTo(c + i, n) * wc;
                Lanes.StoreUpTo(sum, y + i, n);
            }
        }
    }
}
