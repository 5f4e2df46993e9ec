using System.Diagnostics;
using DistTrain.Training;

namespace DistTrain.Coordinator.Simulation;

/// <summary>
/// Runs the real coordinator, server and worker actors in one thread, in virtual time, under faults drawn from a seed: delayed, reordered, doubled and lost messages, nodes that stand still, crash, come back, join, are cut off or slow.
/// The same options give the same events, message by message. After each run it checks what must hold whatever happens.
/// </summary>
/// <example><code>
/// SimulationReport report = SimulatedCluster.Run(new SimulationOptions { Seed = 1, Seeds = 1000 });
/// foreach (Violation broken in report.Violations) Console.WriteLine($"seed {broken.Seed}: {broken.Invariant}: {broken.What}");
/// </code></example>
public static class SimulatedCluster
{
    /// <summary>Simulates all seeds.</summary>
    /// <param name="options">What to simulate.</param>
    /// <param name="seedDone">Told each seed when it is done, with its violations.</param>
    /// <param name="stop">Ends the simulation after the seed in progress; the report then has fewer seeds.</param>
    /// <exception cref="UserErrorException">An option is out of range.</exception>
    public static SimulationReport Run(SimulationOptions options, Action<long, IReadOnlyList<Violation>>? seedDone = null, CancellationToken stop = default)
    {
        options.Validate();
        using var host = new SimulationHost();
        using var trace = new SimulationTrace();
        var job = TinyReplica.Job(options);
        string undisturbed = Undisturbed(host, options, job);
        var faults = new SortedDictionary<FaultKind, int>();
        foreach (var kind in options.Faults) faults[kind] = 0;
        var violations = new List<Violation>();
        var watch = Stopwatch.StartNew();
        long homeTicks = 0;
        int boundaries = 0, waits = 0, givenUp = 0, moves = 0, lost = 0;
        int done = 0;
        for (; done < options.Seeds && !stop.IsCancellationRequested; done++)
        {
            var run = new SimulatedRun(host, options, options.Seed + done, trace, job);
            var (_, broken) = run.Run(undisturbed);
            homeTicks += run.HomeTicks;
            boundaries = run.Boundaries;
            waits += run.Early.Waits;
            givenUp += run.Early.GivenUp;
            moves += run.Moves;
            lost += run.StatesLost;
            foreach (var kind in run.Faults.Select(fault => fault.Kind).Distinct()) faults[kind]++;
            violations.AddRange(broken);
            seedDone?.Invoke(options.Seed + done, broken);
        }
        return new SimulationReport(done, done / watch.Elapsed.TotalSeconds, faults, violations, trace.Sha256()) { HomeSeconds = homeTicks / (double)Stopwatch.Frequency, Boundaries = boundaries, Early = (waits, givenUp), Moves = moves, StatesLost = lost };
    }

    private static string Undisturbed(SimulationHost host, SimulationOptions options, ClusterJob job)
    {
        using var trace = new SimulationTrace();
        var quiet = options with { Faults = [], StopAt = null, Bug = PlantedBug.None, Consistency = Consistency.Default };
        var (weights, violations) = new SimulatedRun(host, quiet, 0, trace, job).Run(null);
        return violations.Count == 0 ? weights : throw new InvalidOperationException($"the undisturbed run broke a promise: {violations[0]}");
    }
}
