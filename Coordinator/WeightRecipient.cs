using Akka.Actor;
using DistTrain.Protocol;
using DistTrain.Transport;

namespace DistTrain.Coordinator;

/// <summary>
/// What one worker is sent under <c>async</c>, where a version follows each gradient: one version at a time, and when it has that, the newest. So a slow link makes its worker compute on older weights, and holds one version's memory,
/// however fast others are.
/// </summary>
/// <param name="channel">To the worker.</param>
/// <param name="server">Who is told when a version has been delivered.</param>
/// <param name="worker">The worker.</param>
internal sealed class WeightRecipient(ITensorChannel channel, IActorRef server, IActorRef worker)
{
    private long sent = -1;
    private bool isUnderWay;

    /// <summary>There is a new version.</summary>
    /// <param name="version">Its number.</param>
    /// <param name="buckets">Its buckets.</param>
    public void Offer(long version, Func<IEnumerable<(Weights.Published Header, TensorSlice Tensor)>> buckets)
    {
        if (!isUnderWay && version > sent) Repeat(version, buckets);
    }

    /// <summary>The worker says that it has not got the newest version: it is sent, even if it was before, unless one is under way.</summary>
    public void Repeat(long version, Func<IEnumerable<(Weights.Published Header, TensorSlice Tensor)>> buckets)
    {
        if (isUnderWay) return;
        (isUnderWay, sent) = (true, version);
        var delivery = new Delivery(server, new Delivered(worker, version));
        foreach (var (header, tensor) in buckets()) channel.Send(header, tensor, delivery.Part());
        delivery.Dispose();
    }

    /// <summary>Nothing of a version is under way any more.</summary>
    public void Has(Delivered delivered, long newest, Func<IEnumerable<(Weights.Published Header, TensorSlice Tensor)>> buckets)
    {
        if (delivered.Version != sent) return;
        isUnderWay = false;
        Offer(newest, buckets);
    }

    /// <summary>To the server itself: all of a version has left its node, or will never leave it.</summary>
    internal sealed record Delivered(IActorRef Worker, long Version) : INoSerializationVerificationNeeded;

    /// <summary>Counts the parts that are under way; the last one to be done tells the server.</summary>
    private sealed class Delivery(IActorRef server, Delivered message) : IDisposable
    {
        private int left = 1;

        public IDisposable Part()
        {
            Interlocked.Increment(ref left);
            return this;
        }

        public void Dispose()
        {
            if (Interlocked.Decrement(ref left) == 0) server.Tell(message, ActorRefs.NoSender);
        }
    }
}
