namespace DistTrain.Coordinator.Simulation;

/// <summary>One fault: what, when (virtual microseconds), to which worker (−1: the coordinator), for how long, how strongly.</summary>
internal sealed record Fault(FaultKind Kind, long Time, int Worker, long Length, double Strength);

/// <summary>The faults of one seed. All heal by a deadline, and at least one worker is never killed.</summary>
internal static class FaultPlan
{
    /// <summary>Faults begin before this.</summary>
    public const long Last = 80_000;

    /// <summary>All faults have healed by this.</summary>
    public const long Deadline = 300_000;

    public static List<Fault> Draw(Random random, IReadOnlyList<FaultKind> kinds, int workers)
    {
        var faults = new List<Fault>();
        if (kinds.Count == 0) return faults;
        for (int i = random.Next(1, 5); i > 0; i--)
        {
            var kind = kinds[random.Next(kinds.Count)];
            long time = random.NextInt64(Last);
            long length = random.NextInt64(2_000, 60_000);
            int worker = random.Next(workers);
            switch (kind)
            {
                // Worker 0 lives: while any worker does, the job must end.
                case FaultKind.Crash or FaultKind.Restart or FaultKind.Leave when workers == 1: continue;
                case FaultKind.Crash or FaultKind.Restart or FaultKind.Leave: worker = random.Next(1, workers); break;
                case FaultKind.Partition or FaultKind.Delay or FaultKind.Pause: worker = random.Next(-1, workers); break;
            }
            faults.Add(new Fault(kind, time, worker, length, random.NextDouble()));
        }
        return faults;
    }
}
