using DistTrain.Coordinator.Commands;
using DistTrain.Training;
using DistTrain.Transport;
using DistTrain.Worker.Operation;

namespace DistTrain.Coordinator.Serving;

/// <summary>What <c>serve</c> is asked for.</summary>
internal sealed record ServeOptions
{
    /// <summary>The port that coordinators listen on where none is given.</summary>
    public const int DefaultPort = 4053;

    /// <summary>The job.</summary>
    public JobOptions Job { get; init; } = new();

    /// <summary>The file that the job came from; null for none.</summary>
    public string? JobFile { get; init; }

    /// <summary>The folder that relative paths of the data are taken from; null for the current one.</summary>
    public string? DataRoot { get; init; }

    /// <summary>Workers to wait for before the first step.</summary>
    public int MinWorkers { get; init; } = 1;

    /// <summary>How long a node may be unreachable before it is shut out.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether to wait until the coordinator that runs the job fails.</summary>
    public bool Standby { get; init; }

    /// <summary>Where the coordinator is that runs the job, as <c>host:port</c>, for a standby with a folder of its own; null where they share one.</summary>
    public string? Join { get; init; }

    /// <summary>How the node is reached.</summary>
    public NodeNetwork Network { get; init; } = new() { Port = DefaultPort };

    /// <summary>How it shows itself.</summary>
    public OperationOptions Operation { get; init; } = new();

    /// <summary>How the cluster runs the job.</summary>
    public ClusterOptions Cluster { get; init; } = new();

    /// <summary>What the run saves on its way, and what it starts from.</summary>
    public CheckpointOptions Checkpoints { get; init; } = new();

    /// <summary>Where and how results go.</summary>
    public OutputOptions Output { get; init; } = new();
}
