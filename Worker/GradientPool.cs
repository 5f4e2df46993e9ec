using DistTrain.Tensors;

namespace DistTrain.Worker;

/// <summary>
/// A worker's gradient buffers. One that was sent stays untouched until its step is in the weights, so that it can be sent again and the server can read it in place; then it is used again.
/// </summary>
internal sealed class GradientPool(int length, Func<int, FloatBuffer>? allocate)
{
    private readonly Stack<FloatBuffer> free = new();
    private readonly Queue<(long Step, FloatBuffer Buffer)> sent = new();

    /// <summary>Buffers made so far.</summary>
    public int Allocated { get; private set; }

    public FloatBuffer Rent()
    {
        if (free.TryPop(out var buffer)) return buffer;
        Allocated++;
        return allocate?.Invoke(length) ?? new FloatBuffer(length);
    }

    public void Return(FloatBuffer buffer) => free.Push(buffer);

    /// <summary>Keeps a buffer that was sent for a step.</summary>
    public void Keep(long step, FloatBuffer buffer) => sent.Enqueue((step, buffer));

    /// <summary>Takes back the buffers of all steps that version <paramref name="version"/> contains.</summary>
    /// <param name="version">The version; or, where <paramref name="exactly"/> is set, the one key to take back.</param>
    /// <param name="exactly">Whether buffers are kept by piece instead of by step.</param>
    public void Reclaim(long version, bool exactly = false)
    {
        for (int i = sent.Count; i > 0; i--)
        {
            var kept = sent.Dequeue();
            if (exactly ? kept.Step == version : kept.Step < version) free.Push(kept.Buffer);
            else sent.Enqueue(kept);
        }
    }
}
