using DistTrain.Protocol;

namespace DistTrain.Transport.Channels;

/// <summary>A tensor that waits to be sent, or to be confirmed.</summary>
internal sealed record Outgoing(IProtocolMessage Message, TensorSlice Tensor, int Route, IDisposable? Hold)
{
    /// <summary>Its number on the channel; given when it is first sent.</summary>
    public long Sequence { get; set; }

    /// <summary>
    /// Its place among tensors that wait for the same connection: older steps first, and of a step the lower buckets, whose layers the next forward needs first, although backward finishes them last. What is no bucket goes before
    /// all. A tensor is passed over by lower buckets of its own step only, so none waits for ever.
    /// </summary>
    public (long Step, int Bucket) Place => Message switch
    {
        Gradients.Contribution contribution => (contribution.What.Step, contribution.What.Bucket),
        Weights.Published published => (published.Version, published.Bucket),
        _ => (long.MinValue, 0),
    };

    /// <summary>What it is: while one is in line or under way, another of the same name is not needed. Null for what is no bucket's, of which each counts.</summary>
    public TensorName? Name => Message switch
    {
        Gradients.Contribution { What: var what } contribution => new TensorName(Route, what.Term.Value, what.Step, what.Bucket, what.Lo, what.Hi, contribution.Version, contribution.Worker.Value),
        Weights.Published published => new TensorName(Route, published.Term.Value, published.Version, published.Bucket, 0, 0, 0, 0),
        _ => null,
    };

    /// <summary>What it takes of the receiver's memory.</summary>
    public long Bytes => Math.Max(1, (long)Tensor.Length * sizeof(float));
}

/// <summary>What a tensor is, on one connection.</summary>
internal readonly record struct TensorName(int Route, long Term, long Step, int Bucket, int Lo, int Hi, long Version, int Worker);

/// <summary>Which actor the tensors of a route are for (its path and uid within its node), and which one they are from (its full path).</summary>
public readonly record struct RouteName(string Receiver, string Sender);
