using DistTrain.Transport;
using DistTrain.Worker.Operation;

namespace DistTrain.Worker.Node;

/// <summary>What <c>join</c> is asked for.</summary>
internal sealed record JoinOptions
{
    /// <summary>Where coordinators may be, as <c>host:port</c>, separated by commas.</summary>
    public string Coordinator { get; init; } = "";

    /// <summary>How long to look for one.</summary>
    public TimeSpan CoordinatorTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The node's name, the same in each of its lifetimes.</summary>
    public string Name { get; init; } = $"{Environment.MachineName}-{Environment.ProcessId}";

    /// <summary>The assembly with the job's C#; null for none.</summary>
    public string? JobAssembly { get; init; }

    /// <summary>Threads that share the large kernels of its worker, 1 or more.</summary>
    public int ThreadsPerWorker { get; init; } = 1;

    /// <summary>The folder that relative paths of the job's data are taken from; null for the current one.</summary>
    public string? DataRoot { get; init; }

    /// <summary>How long it stays, once asked to go, until others have the states of its shards.</summary>
    public TimeSpan LeaveWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How the node is reached.</summary>
    public NodeNetwork Network { get; init; } = new();

    /// <summary>How it shows itself.</summary>
    public OperationOptions Operation { get; init; } = new();
}
