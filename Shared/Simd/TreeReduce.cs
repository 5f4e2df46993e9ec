using System.Numerics;

namespace DistTrain.Simd;

/// <summary>
/// The fixed tree by which a job's logical shards are summed: T(lo, hi) = T(lo, m) + T(m, hi) with m = lo + the largest power of two below hi − lo. A leaf is
/// the shard's gradient times its weight, rounded; sums are rounded one by one; nothing is fused. An absent leaf is left out: a node with one child is that child.
/// </summary>
public static class TreeReduce
{
    /// <summary>The most leaves that <see cref="Sum(ReadOnlySpan{ReadOnlyMemory{float}}, ReadOnlySpan{float}, int, Span{float})"/> takes.</summary>
    public const int MaxLeaves = 65536;

    // 2 KiB for each level of the tree: with eight levels the partial sums stay in a 32 KiB cache beside the leaf being read.
    private const int BlockLength = 512;

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

        var levels = BitOperations.Log2((uint)leaves.Length) + 2;
        Span<float> scratch = stackalloc float[levels * BlockLength];
        for (var done = 0; done < destination.Length; done += BlockLength)
        {
            var length = Math.Min(BlockLength, destination.Length - done);
            SumBlock(leaves, weights, offset + done, length, scratch);
            scratch[..length].CopyTo(destination[done..]);
        }
    }

    // Leaves the sum of these leaves in the first block of scratch; deeper levels use the blocks after it. False where all leaves are absent.
    private static bool SumBlock(ReadOnlySpan<ReadOnlyMemory<float>> leaves, ReadOnlySpan<float> weights, int offset, int length, Span<float> scratch)
    {
        var result = scratch[..length];
        if (leaves.Length == 1)
        {
            if (leaves[0].Length == 0)
                return false;
            var source = leaves[0].Span.Slice(offset, length);
            if (weights.IsEmpty)
                source.CopyTo(result);
            else
                Scale(source, weights[0], result);
            return true;
        }

        var middle = Split(0, leaves.Length);
        var rightWeights = weights.IsEmpty ? weights : weights[middle..];
        var hasLeft = SumBlock(leaves[..middle], weights.IsEmpty ? weights : weights[..middle], offset, length, scratch);
        if (!hasLeft)
            return SumBlock(leaves[middle..], rightWeights, offset, length, scratch);
        if (leaves.Length - middle == 1)
        {
            // The right child is a leaf: added straight from its memory.
            if (leaves[middle].Length == 0)
                return true;
            var source = leaves[middle].Span.Slice(offset, length);
            if (weights.IsEmpty)
                Add(result, source, result);
            else
                AddScaled(result, source, rightWeights[0], result);
            return true;
        }
        if (SumBlock(leaves[middle..], rightWeights, offset, length, scratch[BlockLength..]))
            Add(result, scratch.Slice(BlockLength, length), result);
        return true;
    }
}
