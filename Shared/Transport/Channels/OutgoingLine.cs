using DistTrain.Transport.Frames;
using DistTrain.Transport.Links;

namespace DistTrain.Transport.Channels;

/// <summary>
/// What waits to be sent to one node, in the order of <see cref="Outgoing.Place"/>, what is sent and not confirmed, and the credit for more. Of a tensor that is asked for again while it is still on its way no second one gets in.
/// Not thread-safe: its sender has a lock.
/// </summary>
internal sealed class OutgoingLine
{
    private readonly PriorityQueue<Outgoing, (long Step, int Bucket, long Order)> waiting = new();
    private readonly Queue<Outgoing> unconfirmed = new();
    private readonly HashSet<TensorName> onTheirWay = [];
    private long lastSequence;
    private long order;
    private long givenBack;

    /// <summary>Tensors that wait.</summary>
    public int Waiting => waiting.Count;

    /// <summary>Bytes of tensors sent in this session, floats counted.</summary>
    public long SentBytes { get; private set; }

    /// <summary>What was sent and not confirmed, oldest first.</summary>
    public Outgoing[] Unconfirmed => [.. unconfirmed];

    /// <summary>Puts a tensor in line; false where it is on its way already.</summary>
    public bool TryAdd(Outgoing item)
    {
        if (item.Name is { } name && !onTheirWay.Add(name)) return false;
        Enqueue(item);
        return true;
    }

    /// <summary>The next tensor, if there is one and the window has room for it; a longer one than the window goes alone.</summary>
    public Outgoing? TryTake(long window)
    {
        if (!waiting.TryPeek(out var item, out _)) return null;
        long underWay = SentBytes - givenBack;
        if (underWay != 0 && underWay + item.Bytes > window) return null;
        waiting.Dequeue();
        item.Sequence = ++lastSequence;
        SentBytes += item.Bytes;
        unconfirmed.Enqueue(item);
        return item;
    }

    /// <summary>Whether a receiver that has come so far can go on with this session.</summary>
    public bool CanGoOn(ControlRecord state)
    {
        long oldest = unconfirmed.TryPeek(out var first) ? first.Sequence : lastSequence + 1;
        return state.Received >= oldest - 1 && state.Received <= lastSequence;
    }

    /// <summary>Lets go of what is there, and counts what was given back.</summary>
    /// <exception cref="ChannelException">More is confirmed than was sent.</exception>
    public void Confirm(ControlRecord state, string peer)
    {
        if (state.Received > lastSequence || state.GivenBack > SentBytes)
            throw new ChannelException($"{peer} confirms {state.Received} tensors and {state.GivenBack} bytes, sent were {lastSequence} and {SentBytes}");
        givenBack = Math.Max(givenBack, state.GivenBack);
        while (unconfirmed.TryPeek(out var item) && item.Sequence <= state.Received)
        {
            unconfirmed.Dequeue();
            if (item.Name is { } name) onTheirWay.Remove(name);
            item.Hold?.Dispose();
        }
    }

    /// <summary>Another session: all that is not confirmed waits again.</summary>
    public void StartOver()
    {
        while (waiting.TryDequeue(out var item, out _)) unconfirmed.Enqueue(item);
        while (unconfirmed.TryDequeue(out var item)) Enqueue(item);
        lastSequence = SentBytes = givenBack = 0;
    }

    /// <summary>Takes everything out.</summary>
    public Outgoing[] Clear()
    {
        Outgoing[] left = [.. unconfirmed, .. waiting.UnorderedItems.Select(item => item.Element)];
        unconfirmed.Clear();
        waiting.Clear();
        onTheirWay.Clear();
        return left;
    }

    private void Enqueue(Outgoing item) => waiting.Enqueue(item, (item.Place.Step, item.Place.Bucket, order++));
}
