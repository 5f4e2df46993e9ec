using DistTrain.Transport.Frames;

namespace DistTrain.Transport;

/// <summary>What may be chosen about channels; none of it shows in any bit of the result.</summary>
public sealed record ChannelOptions
{
    /// <summary>Bytes of tensors that a receiver holds for one connection at most: sent, and not yet given back. One longer tensor may travel alone.</summary>
    public long Window { get; init; } = 32L << 20;

    /// <summary>
    /// Connections over TCP from one node to another, 1 or more: a bucket always takes the same one, and each has a window of its own. What one connection carries is bound by what a core checks and copies at each end.
    /// </summary>
    public int Connections { get; init; } = 2;

    /// <summary>Tensors that wait to be sent at most; one more is dropped, counted, and asked for again by whoever lacks it.</summary>
    public int LongestQueue { get; init; } = 8192;

    /// <summary>How long a hand-shake may take.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a frame may stand still in its middle.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait before connecting again, at first; doubled with each failure up to <see cref="LongestRetry"/>.</summary>
    public TimeSpan Retry { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>How long to wait before connecting again, at most.</summary>
    public TimeSpan LongestRetry { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a node may not be reached before what waits for it is dropped, and nothing more is tried until there is something new to send: of a node that is gone nobody may ever say so.</summary>
    public TimeSpan GiveUp { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Bytes of a shared-memory ring: a power of two.</summary>
    public int RingBytes { get; init; } = 1 << 20;

    /// <summary>Connections that may be in their hand-shake at one time.</summary>
    public int LargestBacklog { get; init; } = 64;

    /// <summary>How long connections that are none of the job's are counted before they are told of in one line.</summary>
    public TimeSpan StrangerPeriod { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// These options with a window that no job can fill for good. A server keeps a step's contributions until the bucket's last one is in; a worker that owns several leaves sends all buckets of one before those of the next, so a smaller
    /// window would have both wait for each other.
    /// </summary>
    internal ChannelOptions For(FrameRules rules, int staleness)
    {
        long step = (long)rules.Buckets.Layout.Length * sizeof(float) * Math.Max(1, rules.Leaves);
        return this with { Window = Math.Max(Window, step * (staleness + 1L)) };
    }
}
