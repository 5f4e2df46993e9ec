using System.Diagnostics;

namespace DistTrain.Coordinator.Output;

/// <summary>What a live display shows, gathered from a run's events. One thread writes, another reads.</summary>
internal sealed class LiveState(RunFacts facts, Func<long> timestamp)
{
    private const int Window = 32;

    private readonly Lock gate = new();
    private readonly Queue<(long Time, long Samples)> recent = new();
    private readonly SortedDictionary<string, (int Pid, long Shards)> workers = new(StringComparer.Ordinal);
    private long steps, samples, lastSample;
    private double lossSum;
    private long lossCount;
    private bool evaluating;

    /// <summary>A picture of the run at one moment.</summary>
    /// <param name="Epoch">The epoch, from 1.</param>
    /// <param name="Done">The share of the epoch's steps that are done, in [0, 1].</param>
    /// <param name="Loss">The mean loss of the epoch so far; null before its first step.</param>
    /// <param name="SamplesPerS">Samples per second of late; null before that can be said.</param>
    /// <param name="Left">The time left for steps at this pace; null before that can be said.</param>
    /// <param name="Evaluating">Whether the test split is being evaluated.</param>
    /// <param name="Workers">The workers that are in.</param>
    internal sealed record Picture(int Epoch, double Done, double? Loss, double? SamplesPerS, TimeSpan? Left, bool Evaluating, IReadOnlyList<string> Workers);

    /// <summary>Takes in an event.</summary>
    public void Add(RunEvent happened)
    {
        lock (gate)
        {
            switch (happened)
            {
                case RunEvent.WorkerJoined e: workers[e.Name] = (e.ProcessId, 0); break;
                case RunEvent.WorkerLost e: workers.Remove(e.Name); break;
                case RunEvent.StepDone e: AddStep(e); break;
                case RunEvent.EpochDone:
                    (lossSum, lossCount, evaluating) = (0, 0, false);
                    // The pace of training does not count the evaluation.
                    recent.Clear();
                    break;
            }
        }
    }

    /// <summary>The run now.</summary>
    public Picture Now()
    {
        lock (gate)
        {
            long inEpoch = steps % facts.StepsPerEpoch;
            int epoch = (int)(steps / facts.StepsPerEpoch) + 1;
            double done = (double)inEpoch / facts.StepsPerEpoch;
            if (evaluating && (inEpoch == 0 || steps == facts.TotalSteps)) (epoch, done) = ((int)((steps - 1) / facts.StepsPerEpoch) + 1, 1);
            double? pace = Pace();
            TimeSpan? left = pace is > 0 ? TimeSpan.FromSeconds((facts.TotalSteps - steps) * (double)facts.BatchSize / pace.Value) : null;
            return new Picture(Math.Min(epoch, facts.Epochs), done, lossCount > 0 ? lossSum / lossCount : null, pace, left, evaluating, [.. workers.Keys]);
        }
    }

    private void AddStep(RunEvent.StepDone step)
    {
        steps = step.Step + 1;
        samples += step.Samples;
        lossSum += step.Loss * step.Samples;
        lossCount += step.Samples;
        evaluating = steps % facts.StepsPerEpoch == 0 || steps == facts.TotalSteps;
        long now = timestamp();
        if (recent.Count > 0 && Stopwatch.GetElapsedTime(lastSample, now).TotalMilliseconds < 50) return;
        lastSample = now;
        recent.Enqueue((now, samples));
        if (recent.Count > Window) recent.Dequeue();
    }

    private double? Pace()
    {
        if (recent.Count < 2) return null;
        var (first, last) = (recent.Peek(), recent.Last());
        return (last.Samples - first.Samples) / Stopwatch.GetElapsedTime(first.Time, last.Time).TotalSeconds;
    }
}
