using DistTrain.Tensors;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>A run's state at one step, on its way into a checkpoint: copied bucket by bucket as the servers get there.</summary>
internal sealed class Snapshot(long step, int parts, SnapshotBuffers? buffers)
{
    /// <summary>Clocks done: steps, or rounds of local steps.</summary>
    public long Step => step;

    /// <summary>Its memory; null where this step is left out because the disk is behind.</summary>
    public SnapshotBuffers? Buffers => buffers;

    /// <summary>Buckets, and the coordinator's notes, that are still to come.</summary>
    public int Missing { get; set; } = parts;

    /// <summary>The error-feedback states of leaves, where the codec has any.</summary>
    public IReadOnlyDictionary<int, ResidualState> Residuals { get; set; } = new Dictionary<int, ResidualState>();

    /// <summary>The coordinator's small state.</summary>
    public IReadOnlyDictionary<string, string> Notes { get; set; } = new Dictionary<string, string>();

    /// <summary>What servers add to that.</summary>
    public Dictionary<string, string> Added { get; } = [];

    /// <summary>The best epoch's weights at that time, which nobody writes to; null for none.</summary>
    public FloatBuffer? Best { get; set; }
}

/// <summary>The memory of a snapshot, used again.</summary>
internal sealed class SnapshotBuffers(int length, int states)
{
    /// <summary>Weights and buffers, laid out.</summary>
    public FloatBuffer Weights { get; } = new(length);

    /// <summary>The optimizer's state, one buffer per name.</summary>
    public FloatBuffer[] State { get; } = [.. Enumerable.Range(0, states).Select(_ => new FloatBuffer(length))];
}
