using DistTrain.Training.Code;

namespace DistTrain.Worker.Hosting;

/// <summary>How a worker that is hosted by an application takes part in a job; the same as the options of <c>Worker join</c>.</summary>
public sealed class DistTrainWorkerOptions : DistTrainNodeOptions
{
    /// <summary>Where the coordinator is, as <c>host:port</c>; several, separated by commas, where there is a standby.</summary>
    public string Coordinator { get; set; } = "";

    /// <summary>How long to look for it, at the start and when it was lost.</summary>
    public TimeSpan CoordinatorTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The node's name, the same in each of its lifetimes; names of one job differ: a second living worker of a name is refused.</summary>
    public string Name { get; set; } = NextName();

    /// <summary>The folder that relative paths of the job's data are taken from; null for the current one.</summary>
    public string? DataRoot { get; set; }

    /// <summary>Threads that share the worker's matrix products and convolutions, 1 or more; the result is the same with any number.</summary>
    public int ThreadsPerWorker { get; set; } = 1;

    /// <summary>The job's C#, for a job that is made by C#: <c>JobAssembly.Of(typeof(SpamFilter).Assembly)</c>. Null for none.</summary>
    public JobAssembly? Jobs { get; set; }

    private static int named;

    private static string NextName()
    {
        int number = Interlocked.Increment(ref named);
        return $"{Environment.MachineName}-{Environment.ProcessId}{(number == 1 ? "" : $"-{number}")}";
    }
}
