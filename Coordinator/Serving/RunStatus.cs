using System.Collections.Immutable;
using DistTrain.Protocol;
using DistTrain.Training;

namespace DistTrain.Coordinator.Serving;

/// <summary>How a run is, from its events: what <c>status</c> shows.</summary>
internal sealed class RunStatus(JobPlan plan, long start)
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<int, (string Name, int ProcessId)> workers = [];
    private ImmutableArray<WorkerId> owners = [];
    private long steps = start;
    private long checkpoint = -1;
    private double loss = double.NaN;

    /// <summary>Takes in an event.</summary>
    public void Tell(RunEvent happened)
    {
        lock (gate)
        {
            switch (happened)
            {
                case RunEvent.WorkerJoined e: workers[e.Worker.Value] = (e.Name, e.ProcessId); break;
                case RunEvent.WorkerLost e: workers.Remove(e.Worker.Value); break;
                case RunEvent.ShardsAssigned e: owners = e.Owners; break;
                case RunEvent.StepDone e: (steps, loss) = (e.Step + 1, e.Loss); break;
                case RunEvent.CheckpointDone e: checkpoint = e.Step; break;
            }
        }
    }

    /// <summary>The run now.</summary>
    public Nodes.Status Now(string options)
    {
        lock (gate)
        {
            var rows = workers.Select(worker => new Nodes.Row(
                worker.Value.Name, worker.Value.ProcessId, [.. Enumerable.Range(0, owners.Length).Where(shard => owners[shard].Value == worker.Key)]));
            return new Nodes.Status(options, steps, plan.TotalSteps, plan.EpochOf(Math.Min(steps, Math.Max(0, plan.TotalSteps - 1))) + 1, loss, checkpoint, [.. rows]);
        }
    }
}
