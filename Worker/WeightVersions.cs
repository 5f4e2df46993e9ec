using System.Collections.Immutable;

namespace DistTrain.Worker;

/// <summary>
/// Which versions of which buckets are here. Buckets advance one by one, so a worker that comes in the middle of a step is first sent different versions of them: a version counts only when every bucket of it is here, not when
/// every bucket has come as far.
/// </summary>
/// <param name="buckets">Buckets of the layout.</param>
/// <param name="slots">Versions in a row that can be here at one time, as in the node's weight store.</param>
internal sealed class WeightVersions(int buckets, int slots)
{
    private readonly long[] newest = Filled(buckets);
    private readonly long[] slotVersions = Filled(slots);
    private readonly int[] counts = new int[slots];
    private readonly long[] here = Filled(slots * buckets);
    private long askedFor;

    /// <summary>The newest version of which every bucket is here; −1 before the first.</summary>
    public long Whole { get; private set; } = -1;

    /// <summary>The newest version of each bucket that is here.</summary>
    public ReadOnlySpan<long> Newest => newest;

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        foreach (long[] array in (long[][])[newest, slotVersions, here]) Array.Fill(array, -1);
        Array.Clear(counts);
        Whole = -1;
        askedFor = -1;
    }

    /// <summary>A bucket of a version is here.</summary>
    public void Add(int bucket, long version)
    {
        if (version < 0) return;
        newest[bucket] = Math.Max(newest[bucket], version);
        int slot = (int)(version % slots);
        if (version < slotVersions[slot]) return;
        if (version > slotVersions[slot]) (slotVersions[slot], counts[slot]) = (version, 0);
        ref long known = ref here[slot * buckets + bucket];
        if (known == version) return;
        known = version;
        if (++counts[slot] == buckets) Whole = Math.Max(Whole, version);
    }

    /// <summary>Whether every bucket of a version is here, and no newer version has begun to take its place.</summary>
    public bool IsWhole(long version) => version >= 0 && slotVersions[version % slots] == version && counts[version % slots] == buckets;

    /// <summary>The buckets that were passed over: every bucket has come as far as some version that is newer than the whole one, and these have it not.</summary>
    public ImmutableArray<int> Skipped()
    {
        long oldest = Oldest();
        if (oldest <= Whole || slotVersions[oldest % slots] > oldest) return [];
        var builder = ImmutableArray.CreateBuilder<int>();
        for (int bucket = 0; bucket < buckets; bucket++)
            if (here[oldest % slots * buckets + bucket] != oldest) builder.Add(bucket);
        return builder.ToImmutable();
    }

    /// <summary>Whether buckets were passed over in a version for which this was not said yet.</summary>
    public bool MustAsk()
    {
        long oldest = Oldest();
        if (oldest <= Whole || oldest <= askedFor || Skipped().IsEmpty) return false;
        askedFor = oldest;
        return true;
    }

    private long Oldest()
    {
        long oldest = long.MaxValue;
        foreach (long version in newest) oldest = Math.Min(oldest, version);
        return oldest;
    }

    private static long[] Filled(int count)
    {
        long[] array = new long[count];
        Array.Fill(array, -1);
        return array;
    }
}
