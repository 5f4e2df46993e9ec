namespace DistTrain.Coordinator.Checkpoints;

/// <summary>Where and how often a run is saved, and what its checkpoints say of the job.</summary>
public sealed record CheckpointPlan
{
    /// <summary>The folder.</summary>
    public required CheckpointFolder Folder { get; init; }

    /// <summary>Steps from one checkpoint to the next, 1 or more; the run's end is saved too.</summary>
    public long Every { get; init; } = 100;

    /// <summary>Runs what only the reigning coordinator may do, and says whether it did; null where nobody else shares the folder.</summary>
    internal Func<Action, bool>? Fence { get; init; }

    /// <summary>The job, as its JSON.</summary>
    public string Job { get; init; } = "{}";

    /// <summary>The job's numerics level.</summary>
    public string Numerics { get; init; } = "";

    /// <summary>The data's fingerprint.</summary>
    public string DataFingerprint { get; init; } = "";

    /// <summary>What is known of the data, as JSON.</summary>
    public string? DataCard { get; init; }
}
