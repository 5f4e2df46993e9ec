using DistTrain.Protocol;

namespace DistTrain.Transport.Channels;

/// <summary>A tensor that waits to be sent, or to be confirmed.</summary>
internal sealed record Outgoing(IProtocolMessage Message, TensorSlice Tensor, int Route, IDisposable? Hold)
{
    /// <summary>Its number on the channel; given when it is first sent.</summary>
    public long Sequence { get; set; }

    /// <summary>What it takes of the receiver's memory.</summary>
    public long Bytes => Math.Max(1, (long)Tensor.Length * sizeof(float));
}

/// <summary>Which actor the tensors of a route are for (its path and uid within its node), and which one they are from (its full path).</summary>
public readonly record struct RouteName(string Receiver, string Sender);
