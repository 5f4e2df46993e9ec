using System.Diagnostics;

namespace DistTrain.Coordinator.Output;

/// <summary>How many samples a second, over the last few seconds.</summary>
internal sealed class Pace
{
    private const int Points = 32;
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(100);

    private readonly Queue<(long Time, long Samples)> recent = new();
    private (long Time, long Samples) latest;
    private long samples;

    /// <summary>The pace; null until there are two moments to compare.</summary>
    public double? PerSecond =>
        recent.TryPeek(out var first) && latest.Time > first.Time ? (latest.Samples - first.Samples) / Stopwatch.GetElapsedTime(first.Time, latest.Time).TotalSeconds : null;

    /// <summary>Counts samples that are done now.</summary>
    public void Add(long now, int count)
    {
        samples += count;
        bool isApart = recent.Count == 0 || Stopwatch.GetElapsedTime(latest.Time, now) >= Apart;
        if (isApart)
        {
            latest = (now, samples);
            recent.Enqueue(latest);
            if (recent.Count > Points) recent.Dequeue();
        }
    }

    /// <summary>Forgets the past: a pause is not counted.</summary>
    public void Restart() => recent.Clear();
}
