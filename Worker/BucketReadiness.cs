using DistTrain.Training;

namespace DistTrain.Worker;

/// <summary>Counts, as backward announces finished parts of the gradient, which buckets are complete.</summary>
internal sealed class BucketReadiness
{
    private readonly LayoutEntry[] entries;
    private readonly BucketPlan plan;
    private readonly int[] entriesOf;
    private readonly int[] left;
    private readonly bool[] ready;

    public BucketReadiness(BucketPlan plan)
    {
        this.plan = plan;
        entries = [.. plan.Layout.Parameters, .. plan.Layout.Buffers];
        entriesOf = new int[plan.Buckets.Length];
        left = new int[plan.Buckets.Length];
        ready = new bool[entries.Length];
        foreach (var entry in entries)
            foreach (var bucket in plan.Buckets)
                if (Overlap(entry, bucket)) entriesOf[bucket.Index]++;
    }

    public void Reset()
    {
        entriesOf.CopyTo(left, 0);
        Array.Clear(ready);
    }

    /// <summary>The floats [offset, offset + length) are final; calls back for each bucket that this completes, the last one first.</summary>
    public void Ready(int offset, int length, IBucketReady receiver)
    {
        for (int i = FirstAt(offset); i < entries.Length && entries[i].Offset + entries[i].Length <= offset + length; i++)
        {
            if (ready[i]) continue;
            ready[i] = true;
            for (int b = plan.Buckets.Length - 1; b >= 0; b--)
                if (Overlap(entries[i], plan.Buckets[b]) && --left[b] == 0) receiver.OnBucketReady(b);
        }
    }

    private int FirstAt(int offset)
    {
        int lo = 0, hi = entries.Length;
        while (lo < hi)
        {
            int middle = (lo + hi) / 2;
            if (entries[middle].Offset < offset) lo = middle + 1;
            else hi = middle;
        }
        return lo;
    }

    private static bool Overlap(LayoutEntry entry, Bucket bucket) =>
        entry.Length > 0 && entry.Offset < bucket.Offset + bucket.Length && bucket.Offset < entry.Offset + entry.Length;
}

/// <summary>Told that a bucket's gradient is complete.</summary>
internal interface IBucketReady
{
    void OnBucketReady(int bucket);
}
