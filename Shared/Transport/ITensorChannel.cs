using Akka.Actor;
using DistTrain.Protocol;

namespace DistTrain.Transport;

/// <summary>
/// Carries tensors from one actor to another, each with the small message that says what it is. To the receiver it is one event, <see cref="TensorArrived"/>, whatever the kind of channel.
/// </summary>
public interface ITensorChannel
{
    /// <summary>
    /// Sends a tensor; callable from any thread. The sender leaves the floats alone until it knows that the receiver is done with them: for a gradient, when the bucket's next version is published; for weights, when the version
    /// is retired.
    /// </summary>
    /// <param name="header">What the tensor is.</param>
    /// <param name="tensor">Its floats.</param>
    /// <param name="done">Disposed, from any thread, when nothing is under way any more: the receiver's node has the tensor, or it will never get it.</param>
    void Send(IProtocolMessage header, TensorSlice tensor, IDisposable? done = null);
}

/// <summary>A tensor is here. Local to a node: only its header ever travels as a message.</summary>
/// <param name="Header">What it is.</param>
/// <param name="Tensor">Its floats; valid until <paramref name="Lease"/> is disposed.</param>
/// <param name="Lease">To be disposed when the floats are no longer needed; null where the sender keeps them.</param>
public sealed record TensorArrived(IProtocolMessage Header, TensorSlice Tensor, IDisposable? Lease = null) : INoSerializationVerificationNeeded;

/// <summary>The channel between two actors of one process: hands over the reference, copies nothing.</summary>
public sealed class InProcessChannel(IActorRef receiver, IActorRef sender) : ITensorChannel
{
    /// <inheritdoc/>
    public void Send(IProtocolMessage header, TensorSlice tensor, IDisposable? done = null)
    {
        receiver.Tell(new TensorArrived(header, tensor), sender);
        done?.Dispose();
    }
}
