namespace DistTrain.Coordinator;

/// <summary>How a local cluster runs a job; nothing here shows in the bits.</summary>
public sealed record ClusterOptions
{
    /// <summary>Workers, each with a compute thread of its own; those beyond the job's shards are spares.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Threads that share the large kernels of one worker, 1 or more.</summary>
    public int ThreadsPerWorker { get; init; } = 1;

    /// <summary>Parameter servers k, each with a range of the layout.</summary>
    public int Servers { get; init; } = 1;

    /// <summary>The largest bucket, in bytes.</summary>
    public int BucketBytes { get; init; } = 4 << 20;

    /// <summary>Lets idle workers compute pieces that others are slow with; the first answer wins, and answers must agree.</summary>
    public bool Speculate { get; init; }

    /// <summary>How long an idle worker waits before it asks what others are slow with; only with <see cref="Speculate"/>.</summary>
    public TimeSpan SpeculateAfter { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Where a crash loses a shard's residual, goes back to the last checkpoint instead of going on from zero.</summary>
    public bool ExactRecovery { get; init; }

    /// <summary>Where to write a timeline that Perfetto opens; null for none.</summary>
    public string? TracePath { get; init; }

    /// <summary>Where and how often the run is saved; null for not at all.</summary>
    public Checkpoints.CheckpointPlan? Checkpoints { get; init; }

    /// <summary>How often actors report and ask again for what did not come.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);
}
