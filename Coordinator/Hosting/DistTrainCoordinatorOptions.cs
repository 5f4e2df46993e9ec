using DistTrain.Training;
using DistTrain.Training.Code;
using DistTrain.Transport;
using DistTrain.Worker.Hosting;

namespace DistTrain.Coordinator.Hosting;

/// <summary>How a coordinator that is hosted by an application runs a job; the same as the options of <c>Coordinator serve</c>.</summary>
public sealed class DistTrainCoordinatorOptions : DistTrainNodeOptions
{
    /// <summary>A coordinator listens on the port that workers look for where none is given.</summary>
    public DistTrainCoordinatorOptions() => Network = new NodeNetwork { Port = DefaultPort };

    /// <summary>The job's C#: <c>JobCode.Of&lt;SpamFilter&gt;()</c>. Null for a job of names and numbers.</summary>
    public JobCode? Code { get; set; }

    /// <summary>Changes the job's numbers, or says what the job is where there is no <see cref="Code"/>.</summary>
    public Func<JobOptions, JobOptions> Job { get; set; } = job => job;

    /// <summary>Workers to wait for before the first step.</summary>
    public int MinWorkers { get; set; } = 1;

    /// <summary>How the cluster runs the job.</summary>
    public ClusterOptions Cluster { get; set; } = new();

    /// <summary>The folder that the run is saved to on its way, and goes on from where it was saved there before; null for none.</summary>
    public string? CheckpointFolder { get; set; }

    /// <summary>Steps from one checkpoint to the next.</summary>
    public long CheckpointEvery { get; set; } = 100;

    /// <summary>How many checkpoints stay, the newest.</summary>
    public int KeepCheckpoints { get; set; } = 3;

    /// <summary>Waits until the coordinator that shares <see cref="CheckpointFolder"/> fails, then goes on from its last checkpoint. Workers name both.</summary>
    public bool Standby { get; set; }

    /// <summary>Told every event of the run, in order, on an actor's thread; an exception from it fails the run.</summary>
    public Action<RunEvent> Observer { get; set; } = _ => { };

    /// <summary>The port that coordinators listen on where none is given.</summary>
    public const int DefaultPort = 4053;
}
