using DistTrain.Tensors;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Keeps a copy of the best epoch's weights. Each copy is a buffer of its own that nobody writes to again, so that a checkpoint on its way to disk keeps the one that it was taken with.</summary>
internal sealed class BestKeeper(WeightStore store, FloatBuffer? weights)
{
    /// <summary>The best weights so far; null before any.</summary>
    public FloatBuffer? Weights { get; private set; } = weights;

    /// <summary>Copies a version, while nothing newer is computed.</summary>
    public void Keep(long version)
    {
        if (!store.TryRead(version, out var lease)) return;
        using (lease)
        {
            var copy = new FloatBuffer(lease.Weights.Length);
            lease.Weights.Span.CopyTo(copy.Span);
            Weights = copy;
        }
    }
}
