using System.Collections.Concurrent;
using System.Diagnostics;
using DistTrain.Protocol;
using DistTrain.Tensors;
using DistTrain.Training;

namespace DistTrain.Coordinator.Checkpoints;

/// <summary>Writes snapshots to disk on a thread of its own, beside the training. A disk that refuses is told of each time; after some refusals in a row the run fails.</summary>
internal sealed class CheckpointWriter : IDisposable
{
    /// <summary>Refusals in a row that end the run.</summary>
    public const int MostFailures = 3;

    private readonly BlockingCollection<Snapshot> queue = [];
    private readonly CheckpointPlan plan;
    private readonly ClusterJob job;
    private readonly Term term;
    private readonly Action<RunEvent> tell;
    private readonly Thread thread;
    private int failures;

    /// <summary>Begins to wait for snapshots.</summary>
    /// <param name="plan">Where to.</param>
    /// <param name="job">The job.</param>
    /// <param name="snapshots">Where they come from.</param>
    /// <param name="term">The coordinator's reign.</param>
    /// <param name="tell">Told of each checkpoint, on the writer's thread.</param>
    public CheckpointWriter(CheckpointPlan plan, ClusterJob job, Func<Snapshots> snapshots, Term term, Action<RunEvent> tell)
    {
        (this.plan, this.job, this.term, this.tell) = (plan, job, term, tell);
        var clocks = new ClockPlan(job.Plan, job.Consistency);
        thread = new Thread(() =>
        {
            // A step waits for its slowest thread, so whoever takes a core from one of them holds all up.
            Background.Begin();
            foreach (var snapshot in queue.GetConsumingEnumerable())
            {
                Save(Math.Min(clocks.StepsOf(snapshot.Step).First, job.Plan.TotalSteps), snapshot.Buffers!.Weights, snapshot.Buffers.State, snapshot.Added.Concat(snapshot.Notes).ToDictionary(), snapshot.Residuals, snapshot.Best);
                snapshots().Return(snapshot);
            }
        }) { IsBackground = true, Name = "checkpoints" };
        thread.Start();
    }

    /// <summary>The step of the newest checkpoint on disk; −1 before the first.</summary>
    public long Saved { get; private set; } = -1;

    /// <summary>Has a snapshot written.</summary>
    public void Post(Snapshot snapshot)
    {
        // A run that ends may still hand one over.
        if (!queue.IsAddingCompleted) queue.Add(snapshot);
    }

    /// <summary>Writes now, on the caller's thread.</summary>
    public void Save(long step, FloatBuffer weights, FloatBuffer[] state, IReadOnlyDictionary<string, string> notes, IReadOnlyDictionary<int, ResidualState> residuals, FloatBuffer? best)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            var checkpoint = new Checkpoint
            {
                Step = step,
                Term = term.Value,
                Job = plan.Job,
                Shards = job.Plan.Shards,
                Numerics = plan.Numerics,
                LayoutHash = job.Layout.Hash,
                DataFingerprint = plan.DataFingerprint,
                DataCard = plan.DataCard,
                Weights = weights,
                OptimizerState = [.. job.ServerRule.StateNames.Select((name, i) => (name, state[i]))],
                Extra = [.. ResidualState.ToExtra(residuals), .. BestOf(best)],
                Notes = notes,
            };
            string path = plan.Folder.Save(checkpoint, job.Layout, plan.Fence);
            Saved = step;
            failures = 0;
            tell(new RunEvent.CheckpointDone(step, path, clock.Elapsed.TotalMilliseconds));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            tell(new RunEvent.CheckpointFailed(step, error.Message, ++failures));
        }
    }

    private static IEnumerable<(string Name, FloatBuffer Values)> BestOf(FloatBuffer? best) => best is null ? [] : [(Checkpoint.BestWeights, best)];

    /// <summary>Writes what was handed over, then ends.</summary>
    public void Dispose()
    {
        if (queue.IsAddingCompleted) return;
        queue.CompleteAdding();
        thread.Join();
    }
}
