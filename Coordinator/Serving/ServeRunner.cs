using DistTrain.Coordinator.Commands;
using DistTrain.Coordinator.Recovery;
using DistTrain.Simd;
using DistTrain.Training;

namespace DistTrain.Coordinator.Serving;

/// <summary>Runs a served job to its end: mostly in one go; under <c>--exact-recovery</c> again from the last checkpoint, at the same port, whenever a crash lost what the result depends on.</summary>
/// <param name="options">What was asked for.</param>
/// <param name="settings">How the cluster runs the job.</param>
/// <param name="reign">The coordinator's reign; null without a folder.</param>
/// <param name="job">The job.</param>
/// <param name="resolved">The job as asked for, with nothing left to defaults that depend on machines.</param>
/// <param name="note">Told lines for people.</param>
/// <param name="opened">Told each cluster that listens.</param>
internal sealed class ServeRunner(ServeOptions options, ClusterOptions settings, Reign? reign, TrainingJob job, JobOptions resolved, Action<string> note, Action<ServeCluster> opened)
{
    private Action<RunEvent> tell = _ => { };
    private bool started;

    /// <summary>Begins to listen.</summary>
    public ServeCluster Open(ClusterJob begun, ServeOptions place)
    {
        var cluster = new ServeCluster(begun, place, settings, reign, Tell);
        opened(cluster);
        return cluster;
    }

    /// <summary>Runs to the end.</summary>
    /// <param name="first">What <see cref="Open"/> gave; the caller's to dispose.</param>
    /// <param name="observer">Told every event; of several starts only the first.</param>
    /// <param name="stop">Stops after the step in progress.</param>
    public async Task<RunResult> RunAsync(ServeCluster first, Action<RunEvent> observer, CancellationToken stop)
    {
        tell = observer;
        int port = first.Port;
        var result = await first.RunAsync(resolved, job.Data, stop);
        while (result.Last is RunEvent.RolledBack back)
        {
            note($"{back.Reason}: goes back to the last checkpoint");
            first.Dispose();
            // Whoever is still there goes on; others may join.
            var place = options with { MinWorkers = 1, Network = options.Network with { Port = port } };
            bool saved = new Checkpoints.CheckpointFolder(options.Checkpoints.Folder!).Files().Count > 0;
            var start = RunStart.Find(options.Checkpoints with { Resume = saved, InitialWeights = saved ? null : options.Checkpoints.InitialWeights }, note);
            using var next = Open(start.Begin(ClusterJob.From(job, resolved), job), place);
            // The level was settled by those who started.
            result = await next.RunAsync(resolved with { Numerics = Numerics.Name(Numerics.Level) }, job.Data, stop);
        }
        return result;
    }

    private void Tell(RunEvent happened)
    {
        if (happened is RunEvent.Started && started) return;
        started |= happened is RunEvent.Started;
        tell(happened);
    }
}
