using System.Diagnostics;
using System.Globalization;
using Akka.Actor;
using Akka.Cluster;
using DistTrain.Benchmarks.Processes;
using DistTrain.Coordinator;
using DistTrain.Protocol;
using DistTrain.Transport;
using DistTrain.Transport.Frames;

namespace DistTrain.Benchmarks.Commands;

/// <summary>
/// <c>heartbeats</c>: whether the control plane lives while a large model travels as fast as it can: coordinator and two workers as processes, default failure detector. Prints how often a node was taken for unreachable (should be 0) and
/// the round trips of a control message.
/// </summary>
internal static class HeartbeatsCommand
{
    private const string Usage = "heartbeats [seconds, 1 or more, default 300] [megabytes of the model, 1 or more, default 400] [auto | shm | tcp | akka]";
    private const int Workers = 2;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public static int Run(string[] args)
    {
        if (args is ["node", .. var node]) return SyntheticNode.Run(node);
        int seconds = 300, megabytes = 400;
        if ((args.Length > 0 && !int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out seconds)) || (args.Length > 1 && !int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out megabytes))
            || seconds < 1 || megabytes < 1)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        return RunAsync(seconds, megabytes, args.Length > 2 ? args[2] : "auto").GetAwaiter().GetResult();
    }

    private static async Task<int> RunAsync(int seconds, int megabytes, string channel)
    {
        var network = new NodeNetwork { Channel = ChannelChoices.Parse(channel) };
        var system = NodeSystem.Start(NodeSystem.CoordinatorRole, network, null);
        var cluster = Cluster.Get(system);
        cluster.Join(cluster.SelfAddress);
        int unreachable = 0;
        system.ActorOf(Props.Create(() => new UnreachableCounter(() => Interlocked.Increment(ref unreachable))));
        long steps = 0, firstStep = 0;
        string? failed = null;
        var job = SyntheticJob.Of(megabytes, Workers);
        var host = new JobHost(job, new ClusterOptions { Workers = Workers }, e =>
        {
            if (e is RunEvent.StepDone && Interlocked.Increment(ref steps) == 1) firstStep = Stopwatch.GetTimestamp();
            if (e is RunEvent.Failed error) failed = error.Error;
            if (e is RunEvent.WorkerLost lost) failed = $"{lost.Name} was lost";
        }, network.Allocate);
        for (int i = 0; i < Environment.ProcessorCount; i++) host.Group.Add($"server {i}");
        var place = new HostPlace { MinWorkers = Workers, WorkersMayJoin = true };
        using var hub = new ChannelHub(system, new ChannelHubOptions { Rules = new FrameRules(place.Job, host.Buckets, job.Plan.Pieces), Choice = network.Channel, Hold = WeightPlacer.HoldVersions(host.Published) });
        host.Start(system, new SystemClock(system), place with { Connect = hub.Connect, ServerStarted = (server, number) => hub.Register(server, new GradientPlacer(host.Buckets, number)) });
        string at = $"127.0.0.1:{system.Provider.DefaultAddress.Port}";
        Child[] children = [.. Enumerable.Range(0, Workers).Select(_ => new Child("Benchmarks.dll", $"heartbeats node {at} {place.Job} {megabytes} {Workers} {channel}"))];
        try
        {
            var patience = Stopwatch.StartNew();
            while (Interlocked.Read(ref steps) == 0 && patience.Elapsed < TimeSpan.FromMinutes(2)) await Task.Delay(100);
            if (steps == 0) throw new InvalidOperationException($"no step was done: {failed} {string.Join(' ', children.Select(child => child.Errors))}");
            var trips = await ProbeAsync(system, place.Job, [.. cluster.State.Members.Where(member => member.Address != cluster.SelfAddress).Select(member => member.Address)], TimeSpan.FromSeconds(seconds));
            double elapsed = Stopwatch.GetElapsedTime(firstStep).TotalSeconds;
            trips.Sort();
            Measure.Print(
                ("workload", "heartbeats"), ("workers", Workers), ("model_bytes", (long)job.Layout.ParameterLength * sizeof(float)), ("channel", hub.Status() is [var first, ..] ? first.Kind.Name() : channel), ("seconds", elapsed),
                ("steps", steps), ("gb_per_s", steps * 2.0 * Workers * job.Layout.ParameterLength * sizeof(float) / elapsed / 1e9), ("unreachable", unreachable), ("failed", failed),
                ("round_trips", trips.Count), ("median_ms", trips[trips.Count / 2]), ("p99_ms", trips[trips.Count * 99 / 100]), ("most_ms", trips[^1]));
            return unreachable == 0 && failed is null ? 0 : 1;
        }
        finally
        {
            foreach (var child in children) child.Dispose();
            await Task.WhenAny(system.Terminate(), Task.Delay(TimeSpan.FromSeconds(10)));
            host.Close();
        }
    }

    /// <summary>Asks each node in turn, one question after the other; the round trips in milliseconds.</summary>
    private static async Task<List<double>> ProbeAsync(ActorSystem system, JobId job, IReadOnlyList<Address> nodes, TimeSpan time)
    {
        var trips = new List<double>();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time; await Task.Delay(Pause))
        {
            var node = nodes[trips.Count % nodes.Count];
            long start = Stopwatch.GetTimestamp();
            await system.ActorSelection(new RootActorPath(node) / "user" / EchoActor.Name).Ask<Nodes.Pong>(new Nodes.Ping(job, "benchmark"), TimeSpan.FromSeconds(60));
            trips.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return trips;
    }
}
