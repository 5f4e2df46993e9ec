using DistTrain.Transport;

namespace DistTrain.Worker.Hosting;

/// <summary>What workers and coordinators that an application hosts have in common.</summary>
public abstract class DistTrainNodeOptions
{
    /// <summary>How the node is reached.</summary>
    public NodeNetwork Network { get; set; } = new();

    /// <summary>Ends the application when the job is over.</summary>
    public bool StopHostWhenDone { get; set; }
}
