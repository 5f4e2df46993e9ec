using DistTrain.Training;

namespace DistTrain.Coordinator.Commands;

/// <summary>What <c>local</c> is asked for.</summary>
internal sealed record LocalOptions
{
    /// <summary>The job.</summary>
    public JobOptions Job { get; init; } = new();

    /// <summary>The file that the job came from; null for none.</summary>
    public string? JobFile { get; init; }

    /// <summary>Workers; null for one per core, as far as there are shards.</summary>
    public int? Workers { get; init; }

    /// <summary>How the cluster runs the job.</summary>
    public ClusterOptions Cluster { get; init; } = new();

    /// <summary>What the run saves on its way, and what it starts from.</summary>
    public CheckpointOptions Checkpoints { get; init; } = new();

    /// <summary>Where and how results go.</summary>
    public OutputOptions Output { get; init; } = new();
}

/// <summary>Where the results of a run go, and how it tells of itself.</summary>
internal sealed record OutputOptions
{
    /// <summary>What is printed on stdout: <c>text</c> or <c>json</c>.</summary>
    public string Format { get; init; } = "text";

    /// <summary>Tells of every n-th step; null for none.</summary>
    public long? LogEvery { get; init; }

    /// <summary>Whether TensorBoard's event files are written into the run's folder.</summary>
    public bool TensorBoard { get; init; }

    /// <summary>The run's folder; null for <c>runs/&lt;time&gt;-&lt;job&gt;</c>.</summary>
    public string? RunDir { get; init; }
}
