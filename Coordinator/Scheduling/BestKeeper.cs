using DistTrain.Tensors;
using DistTrain.Transport;

namespace DistTrain.Coordinator.Scheduling;

/// <summary>Keeps the best epoch's weights: each time a buffer of its own that nobody writes to again, so that a checkpoint on its way to disk keeps the one that it was taken with.</summary>
internal sealed class BestKeeper(WeightStore store, FloatBuffer? weights)
{
    /// <summary>The best weights so far; null before any.</summary>
    public FloatBuffer? Weights { get; set; } = weights;

    /// <summary>Takes a version for reading, to copy it; false where it is no longer held.</summary>
    public bool TryRead(long version, out WeightStore.Lease lease) => store.TryRead(version, out lease);
}
