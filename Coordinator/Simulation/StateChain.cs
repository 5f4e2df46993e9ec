using DistTrain.Protocol;
using DistTrain.Protocol.Codecs;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker;

namespace DistTrain.Coordinator.Simulation;

/// <summary>
/// Follows the residuals of shards: of each slice, the contribution that a server counts must have been encoded from the very state that the counted one before it left. Then what was not sent is sent later, once.
/// </summary>
internal sealed class StateChain(BucketPlan buckets)
{
    private readonly Dictionary<Gradients.Contribution, Link> sent = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(int Leaf, int Bucket), SortedDictionary<long, Link>> counted = [];
    private (CodecKey Key, Link Link) last;

    /// <summary>A worker has encoded a slice; it sends it next.</summary>
    public void Encoded(in CodecKey key, ReadOnlySpan<float> before, ReadOnlySpan<float> after) => last = (key, new Link(GradientDigest.Of(before), GradientDigest.Of(after)));

    /// <summary>Something is sent, perhaps again.</summary>
    public void Sent(object message)
    {
        if (message is TensorArrived { Header: Gradients.Contribution contribution } && IsOf(last.Key, contribution.What)) sent.TryAdd(contribution, last.Link);
    }

    /// <summary>Something arrives: of contributions of one name the first is counted.</summary>
    public void Arrived(object message)
    {
        if (message is not TensorArrived { Header: Gradients.Contribution contribution } || !sent.TryGetValue(contribution, out var link)) return;
        var name = contribution.What;
        if (!counted.TryGetValue((name.Lo, name.Bucket), out var clocks)) counted.Add((name.Lo, name.Bucket), clocks = []);
        clocks.TryAdd(name.Step, link);
    }

    /// <summary>Where a chain is broken; null where none is.</summary>
    /// <param name="clocks">The clocks that are in the weights.</param>
    public string? Broken(long clocks)
    {
        foreach (var ((leaf, bucket), links) in counted)
        {
            Link? previous = null;
            foreach (var (clock, link) in links.TakeWhile(entry => entry.Key < clocks))
            {
                if (previous is { } known && known.After != link.Before) return $"piece {leaf} of step {clock}, bucket {bucket}, was encoded from another state than the step before it left";
                previous = link;
            }
        }
        return null;
    }

    private bool IsOf(in CodecKey key, Gradients.Name name) => key.Step == name.Step && key.Shard == name.Lo && key.Offset == buckets.Buckets[name.Bucket].Offset;

    private readonly record struct Link(ulong Before, ulong After);
}
