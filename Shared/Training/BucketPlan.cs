using System.Collections.Immutable;

namespace DistTrain.Training;

/// <summary>A slice of the layout that travels and is stepped as one.</summary>
/// <param name="Index">Its number, in layout order.</param>
/// <param name="Offset">Its first float; a block border.</param>
/// <param name="Length">Its number of floats.</param>
/// <param name="Server">The server that owns it.</param>
/// <param name="IsStatistics">Whether it holds buffers (running statistics) rather than parameters.</param>
public sealed record Bucket(int Index, int Offset, int Length, int Server, bool IsStatistics)
{
    /// <summary>The block number of its first float.</summary>
    public int FirstBlock => Offset / ParameterLayout.BlockLength;

    /// <summary>The number of blocks it touches.</summary>
    public int Blocks => (Length + ParameterLayout.BlockLength - 1) / ParameterLayout.BlockLength;
}

/// <summary>
/// Cuts a layout at block borders: first into the servers' ranges, balanced by size, then each range into buckets. Norms are sums over blocks, so neither cut shows in any bit.
/// </summary>
public sealed class BucketPlan
{
    /// <summary>Cuts a layout.</summary>
    /// <param name="layout">What to cut.</param>
    /// <param name="servers">Servers, 1 or more.</param>
    /// <param name="bucketBytes">The largest bucket, in bytes; less than a block (16 KiB) counts as one block.</param>
    /// <exception cref="UserErrorException">There are fewer blocks than servers, or an argument is below 1.</exception>
    public BucketPlan(ParameterLayout layout, int servers, int bucketBytes)
    {
        if (bucketBytes < 1) throw new UserErrorException($"bucket bytes: {bucketBytes} is not allowed, give 1 or more (16384 is one block)");
        Layout = layout;
        Blocks = CeilDiv(layout.ParameterLength, ParameterLayout.BlockLength);
        if (servers < 1 || servers > Math.Max(1, Blocks))
            throw new UserErrorException($"servers: {servers} is not allowed, this model has {Blocks} blocks of {ParameterLayout.BlockLength} floats: give 1 to {Math.Max(1, Blocks)}");
        Servers = servers;
        int largest = Math.Max(1, bucketBytes / (ParameterLayout.BlockLength * sizeof(float)));
        var buckets = ImmutableArray.CreateBuilder<Bucket>();
        for (int server = 0; server < servers; server++)
            Cut(buckets, (int)((long)Blocks * server / servers), (int)((long)Blocks * (server + 1) / servers), largest, layout.ParameterLength, server, false);
        if (!layout.Buffers.IsEmpty)
            Cut(buckets, Blocks, CeilDiv(layout.Length, ParameterLayout.BlockLength), largest, layout.Length, servers - 1, true);
        Buckets = buckets.ToImmutable();
    }

    /// <summary>The layout that is cut.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The number of servers k.</summary>
    public int Servers { get; }

    /// <summary>The number of blocks that hold parameters.</summary>
    public int Blocks { get; }

    /// <summary>The buckets in layout order.</summary>
    public ImmutableArray<Bucket> Buckets { get; }

    /// <summary>The index of the bucket that a float of the layout stands in.</summary>
    public int IndexAt(int offset)
    {
        int low = 0, high = Buckets.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (Buckets[middle].Offset <= offset) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    private static void Cut(ImmutableArray<Bucket>.Builder buckets, int firstBlock, int endBlock, int largest, int endFloat, int server, bool statistics)
    {
        int blocks = endBlock - firstBlock, count = CeilDiv(blocks, largest);
        for (int i = 0; i < count; i++)
        {
            int lo = (firstBlock + (int)((long)blocks * i / count)) * ParameterLayout.BlockLength;
            int hi = Math.Min(endFloat, (firstBlock + (int)((long)blocks * (i + 1) / count)) * ParameterLayout.BlockLength);
            buckets.Add(new Bucket(buckets.Count, lo, hi - lo, server, statistics));
        }
    }

    private static int CeilDiv(int value, int by) => (int)(((long)value + by - 1) / by);
}
