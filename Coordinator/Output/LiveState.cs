using System.Diagnostics;

namespace DistTrain.Coordinator.Output;

/// <summary>What a live display shows, gathered from a run's events. One thread writes, another reads.</summary>
/// <param name="facts">What is known of the run.</param>
/// <param name="timestamp">The time, as <see cref="Stopwatch.GetTimestamp"/> gives it.</param>
internal sealed class LiveState(RunFacts facts, Func<long> timestamp)
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<int, WorkerState> workers = [];
    private readonly Pace pace = new();
    private WorkerState?[] owners = [];
    private double lossSum;
    private long steps, lossCount;
    private bool evaluating;

    /// <summary>A picture of the run at one moment.</summary>
    /// <param name="Epoch">The epoch, from 1.</param>
    /// <param name="Done">The share of the epoch's steps that are done, in [0, 1].</param>
    /// <param name="Loss">The mean loss of the epoch so far; null before its first step.</param>
    /// <param name="SamplesPerS">Samples per second of late; null before that can be said.</param>
    /// <param name="Left">The time that the steps to come take at this pace; null before that can be said.</param>
    /// <param name="Evaluating">Whether the test split is being evaluated.</param>
    /// <param name="Workers">The workers that are in.</param>
    internal sealed record Picture(long Epoch, double Done, double? Loss, double? SamplesPerS, TimeSpan? Left, bool Evaluating, IReadOnlyList<WorkerLine> Workers);

    /// <summary>A worker: its name, its shards such as <c>0-3</c>, and the samples per second that it brings in.</summary>
    internal sealed record WorkerLine(string Name, string Shards, double? SamplesPerS);

    /// <summary>Takes in an event.</summary>
    public void Add(RunEvent happened)
    {
        lock (gate)
        {
            switch (happened)
            {
                case RunEvent.WorkerJoined e: workers[e.Worker.Value] = new WorkerState(e.Name); break;
                case RunEvent.WorkerLost e: workers.Remove(e.Worker.Value); break;
                case RunEvent.ShardsAssigned e: owners = [.. e.Owners.Select(owner => workers.GetValueOrDefault(owner.Value))]; break;
                case RunEvent.StepDone e: AddStep(e); break;
                case RunEvent.EpochDone:
                    (lossSum, lossCount, evaluating) = (0, 0, false);
                    // The time that the evaluation took is no part of the pace.
                    pace.Restart();
                    foreach (var worker in workers.Values) worker.Pace.Restart();
                    break;
            }
        }
    }

    /// <summary>The run now.</summary>
    public Picture Now()
    {
        lock (gate)
        {
            var plan = facts.Plan;
            // The epoch under evaluation is the one that has just ended.
            long last = Math.Max(0, steps - (evaluating ? 1 : 0)), epoch = Math.Min(last / plan.StepsPerEpoch, facts.Epochs - 1);
            long ofEpoch = Math.Min(plan.StepsPerEpoch, plan.TotalSteps - epoch * plan.StepsPerEpoch);
            double done = Math.Min(1, (double)(steps - epoch * plan.StepsPerEpoch) / ofEpoch);
            TimeSpan? left = pace.PerSecond is > 0 and var rate ? TimeSpan.FromSeconds((plan.TotalSteps - steps) * (double)plan.BatchSize / rate) : null;
            return new Picture(
                epoch + 1, done, lossCount > 0 ? lossSum / lossCount : null, pace.PerSecond, left, evaluating, [.. workers.Values.Select(w => new WorkerLine(w.Name, ShardsOf(w), w.Pace.PerSecond))]);
        }
    }

    private void AddStep(RunEvent.StepDone step)
    {
        long now = timestamp();
        steps = step.Step + 1;
        lossSum += step.Loss * step.Samples;
        lossCount += step.Samples;
        evaluating = facts.Plan.TestCount > 0 && facts.Plan.EndsEpoch(step.Step);
        for (int shard = 0; shard < owners.Length; shard++)
            if (owners[shard] is { } owner) owner.Samples += facts.Plan.Piece(step.Step, shard).Count;
        pace.Add(now, step.Samples);
        foreach (var worker in workers.Values)
        {
            worker.Pace.Add(now, worker.Samples);
            worker.Samples = 0;
        }
    }

    private string ShardsOf(WorkerState worker)
    {
        var mine = Enumerable.Range(0, owners.Length).Where(shard => owners[shard] == worker).ToList();
        if (mine.Count == 0) return "spare";
        bool isRun = mine[^1] - mine[0] == mine.Count - 1;
        return mine.Count == 1 ? $"shard {mine[0]}" : $"shards {(isRun ? $"{mine[0]}-{mine[^1]}" : string.Join(',', mine))}";
    }

    private sealed class WorkerState(string name)
    {
        public string Name { get; } = name;

        public Pace Pace { get; } = new();

        public int Samples { get; set; }
    }
}
